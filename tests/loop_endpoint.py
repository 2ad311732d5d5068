"""A chat endpoint that misbehaves on request: real HTTP on loopback, answers of our choice."""

from __future__ import annotations

import json
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentd.loop.offline import ChatReply, ChatRequest, ChatServer, Script
from agentd.loop.prompts import INTRODUCTION
from agentd.loop.script import SCRIPT, completion_reply
from tests.daemon_process import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator


class Endpoint:
    """Answers as the offline endpoint does, at once, after the faults that were asked for."""

    def __init__(self) -> None:
        self.asks: list[ChatRequest] = []
        self.faults: deque[Script] = deque()
        self.base_url = ""
        self._asked = threading.Condition()

    def __call__(self, ask: ChatRequest) -> ChatReply:
        with self._asked:
            self.asks.append(ask)
            self._asked.notify_all()
            fault = self.faults.popleft() if self.faults else well
        return fault(ask)

    def wait_for_asks(self, count: int) -> None:
        """Return once so many requests have come in."""
        with self._asked:
            came = self._asked.wait_for(lambda: len(self.asks) >= count, PATIENCE_SECONDS)
        assert came, f"{len(self.asks)} requests came"

    @property
    def agents(self) -> list[str]:
        """Which agents have asked, in order."""
        return [agent_of(ask) for ask in self.asks]


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that listens."""
    made = Endpoint()
    with ChatServer(made) as server:
        made.base_url = server.base_url
        yield made


def agent_of(ask: ChatRequest) -> str:
    """The agent whose prompt this is."""
    system = ask.content("system")
    return next(agent for agent in SCRIPT if INTRODUCTION.format(agent) in system)


def well(ask: ChatRequest) -> ChatReply:
    """The scripted answer."""
    return completion_reply(ask, SCRIPT[agent_of(ask)])


def says(text: str) -> Script:
    """A model that answers this."""
    return lambda ask: completion_reply(ask, text)


def finishes(reason: str, content: str | None = None) -> Script:
    """A model that ends for that reason."""
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": reason}
    return body(json.dumps({"choices": [choice]}))


def body(text: str | bytes) -> Script:
    """A 200 with this body, whatever it is."""
    content = text.encode() if isinstance(text, str) else text
    return lambda _ask: ChatReply(200, content)


def refuses(status: int, message: str = "no", **headers: str) -> Script:
    """An error in the form that OpenAI's API gives it."""
    content = json.dumps({"error": {"message": message, "type": "x"}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _ask: ChatReply(status, content, named)


def echoes(status: int) -> Script:
    """An error that repeats the header with the key, as some providers do."""

    def fault(ask: ChatRequest) -> ChatReply:
        return refuses(status, f"bad header: {ask.headers['Authorization']}", retry_after="0")(ask)

    return fault


def drops(_ask: ChatRequest) -> ChatReply:
    """The connection is closed before an answer."""
    raise ConnectionAbortedError


def breaks_off(_ask: ChatRequest) -> ChatReply:
    """The connection is closed in the middle of an answer."""
    return ChatReply(200, b'{"choices": [', {"Content-Length": "1000", "Connection": "close"})


def hangs(until: threading.Event, then: Script = well) -> Script:
    """No answer before the event."""

    def fault(ask: ChatRequest) -> ChatReply:
        until.wait(PATIENCE_SECONDS)
        return then(ask)

    return fault
