"""Steps that a blocking and an asyncio caller share: a generator of requests, sent by either.

The rule this file keeps: what is asked, in which order, and what an answer or a failure leads to is
written once, without I/O. A request is yielded; its answer is sent in, or what it raised thrown in.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeAlias, TypeVar

from agentd.client.requests.request import Request

Result = TypeVar("Result")
Steps: TypeAlias = Generator[Request[Any], Any, Result]


def run(steps: Steps[Result], ask: Callable[[Request[Any]], Any]) -> Result:
    """What the steps return, each request answered by `ask`."""
    try:
        request = next(steps)
        while True:
            try:
                answer = ask(request)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the steps decide
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result


async def run_async(steps: Steps[Result], ask: Callable[[Request[Any]], Awaitable[Any]]) -> Result:
    """As `run`, where each answer is awaited."""
    try:
        request = next(steps)
        while True:
            try:
                answer = await ask(request)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the steps decide
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
