"""A tracer that keeps what it is told, in the place of the program's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Tracing:
    """What has been traced so far."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("a program")

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of that name that have ended, in that order."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]


@contextmanager
def tracing() -> Iterator[Tracing]:
    """For a while this program traces, as one that has set its SDK up."""
    made = Tracing()
    with patch.object(trace, "get_tracer", made.provider.get_tracer):
        yield made


def span_id(span: ReadableSpan) -> int:
    """By which others name it as their parent."""
    assert span.context is not None
    found: int = span.context.span_id
    return found


def traceparent(span: trace.Span) -> str:
    """The span as W3C Trace Context writes it."""
    of = span.get_span_context()
    return f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"
