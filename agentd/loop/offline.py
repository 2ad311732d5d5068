"""A chat endpoint on loopback: real HTTP, answers by a script.

The rule this file keeps: it listens on 127.0.0.1 alone, asks for no key, and remembers nothing.
What it answers is the script's business; one that raises `ConnectionError` drops the connection.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import msgspec

LARGEST_REQUEST = 16 * 1024 * 1024
"""Bytes."""

_PATH = "/chat/completions"


class ChatRequest(NamedTuple):
    """One request: its headers, and its body decoded."""

    headers: Mapping[str, str]
    body: dict[str, Any]

    def content(self, role: str) -> str:
        """What was said in that role, joined."""
        said = [m["content"] for m in self.body.get("messages", []) if m.get("role") == role]
        return "\n".join(said)


class ChatReply(NamedTuple):
    """One answer, as it goes out."""

    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


Script = Callable[[ChatRequest], ChatReply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a slow answer keeps nobody from leaving

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _RequestHandler)
        self.script = script

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer one request as the script says."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST_REQUEST))
        try:
            ask = ChatRequest(dict(self.headers), msgspec.json.decode(body, type=dict[str, Any]))
            reply = (
                self.server.script(ask) if self.path == _PATH else _error_reply(404, "no such path")
            )
        except msgspec.MsgspecError:
            reply = _error_reply(400, "the body is not a JSON object")
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Requests are told of by the journal."""


class ChatServer:
    """The endpoint, for as long as the `with` block lasts."""

    def __init__(self, script: Script) -> None:
        self._server = _Server(script)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def base_url(self) -> str:
        """What DEEPSEEK_BASE_URL has to be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _error_reply(status: int, message: str) -> ChatReply:
    return ChatReply(status, msgspec.json.encode({"error": {"message": message}}))
