"""What a scraper asks, and what it is answered: HTTP without the sockets.

The rule this file keeps: one question is answered, `GET /metrics`, and only where it came to this
machine by an address of this machine: a web page whose name leads here (DNS rebinding) gives its
own name as the host, and is refused.
"""

import http.client
import re
from collections.abc import Iterator
from http import HTTPStatus
from io import BytesIO
from typing import NamedTuple

from agentd.loopback import parse_loopback

LARGEST_HEAD = 8_192
"""Bytes of a request: what Prometheus sends has some 300."""

PATH = "/metrics"

_PARTS = 3
_PORT = re.compile(r":[0-9]+$")
_OUR_NAME = "localhost"
"""Browsers and resolvers keep it for the machine itself."""


class Refused(Exception):
    """The answer is a status and a sentence."""

    def __init__(self, status: HTTPStatus, told: str) -> None:
        super().__init__(told)
        self.status = status


def accepted_formats(head: bytes) -> str:
    """The Accept header of a request for the figures. Raises `Refused`."""
    line, _, rest = head.partition(b"\r\n")
    parts = line.decode("latin-1").split(" ")
    if len(parts) != _PARTS or not parts[2].startswith("HTTP/1."):
        raise Refused(HTTPStatus.BAD_REQUEST, "expected a request of HTTP/1.1")
    try:
        headers = http.client.parse_headers(BytesIO(rest))
    except http.client.HTTPException:
        raise Refused(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many headers"
        ) from None
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1 or not _is_this_machine(hosts[0]):
        raise Refused(
            HTTPStatus.FORBIDDEN, "ask for 127.0.0.1, [::1] or localhost: other hosts are refused"
        )
    if parts[1].partition("?")[0] != PATH:
        raise Refused(HTTPStatus.NOT_FOUND, f"the figures are at {PATH}")
    if parts[0] != "GET":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "the figures can be read only: GET")
    # The answer repeats a part of it, and a header may go on on the next line.
    return " ".join(",".join(headers.get_all("Accept", [])).split())


class Answer(NamedTuple):
    """A response, which is the last on its connection."""

    status: HTTPStatus
    content_type: str
    body: bytes

    def encode(self) -> bytes:
        """As it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}", *self._headers(), "", ""]
        return "\r\n".join(lines).encode("latin-1", "replace") + self.body

    def _headers(self) -> Iterator[str]:
        yield f"Content-Type: {self.content_type}"
        yield f"Content-Length: {len(self.body)}"
        yield "Cache-Control: no-store"
        yield "X-Content-Type-Options: nosniff"
        yield "Connection: close"
        if self.status == HTTPStatus.METHOD_NOT_ALLOWED:
            yield "Allow: GET"


def refusal(status: HTTPStatus, told: str) -> Answer:
    """Why there are no figures, for a person."""
    return Answer(status, "text/plain; charset=utf-8", f"agentd: {told}\n".encode())


def _is_this_machine(host: str) -> bool:
    """Whether a Host header is an address of this machine alone, with any port or none."""
    with_port = host if _PORT.search(host) else f"{host}:80"
    if with_port.rpartition(":")[0].lower() == _OUR_NAME:
        return True
    try:
        parse_loopback(with_port)
    except ValueError:
        return False
    return True
