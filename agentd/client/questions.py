"""What takes several requests to find out, asked with either client.

The rule this file keeps: which requests, and what follows from their answers, is written once, as
a generator: it yields a request and is given the answer. How that is waited for is the client's
business.
"""

from collections.abc import Generator
from typing import Any, Protocol, TypeVar

from agentd.client.requests.request import Request

Result = TypeVar("Result")
Answer = TypeVar("Answer")

Questions = Generator[Request[Any], Any, Result]
"""Requests one after the other, and what they come to."""


class _Blocking(Protocol):
    def ask(self, request: Request[Answer], /) -> Answer: ...


class _Async(Protocol):
    async def ask(self, request: Request[Answer], /) -> Answer: ...


def find_out(client: _Blocking, questions: Questions[Result]) -> Result:
    """Ask the daemon all of it. Raises what a request raises."""
    try:
        request = next(questions)
        while True:
            request = questions.send(client.ask(request))
    except StopIteration as end:
        found: Result = end.value
        return found


async def find_out_async(client: _Async, questions: Questions[Result]) -> Result:
    """As `find_out`, awaited."""
    try:
        request = next(questions)
        while True:
            request = questions.send(await client.ask(request))
    except StopIteration as end:
        found: Result = end.value
        return found
