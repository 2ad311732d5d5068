"""A collector of OpenTelemetry's: real HTTP on loopback, which keeps the spans that it is sent."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

Attributes = dict[str, Any]


class Sent(NamedTuple):
    """A span as it went over the wire."""

    name: str
    trace_id: str
    span_id: str
    parent: str
    attributes: Attributes
    status: int
    resource: Attributes

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it."""
        return f"00-{self.trace_id}-{self.span_id}-01"


class Collector(ThreadingHTTPServer):
    """Keeps what comes in; with `hangs` it never answers."""

    daemon_threads = True

    def __init__(self, *, hangs: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Sent] = []
        self.may_answer = threading.Event()
        if not hangs:
            self.may_answer.set()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program send its spans here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}"}

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        request = ExportTraceServiceRequest.FromString(body)
        self.spans += [
            Sent(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                _values(span.attributes),
                span.status.code,
                _values(of_resource.resource.attributes),
            )
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """One export."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.may_answer.wait()
        assert self.path == "/v1/traces"
        self.server.take(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _values(attributes: Any) -> Attributes:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collector(*, hangs: bool = False) -> Iterator[Collector]:
    """A collector that listens."""
    with Collector(hangs=hangs) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            server.may_answer.set()
            server.shutdown()
            serving.join()
