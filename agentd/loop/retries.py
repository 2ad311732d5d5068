"""Which failures are tried again, and after how long.

The rule this file keeps: a server that says when to come back is obeyed, up to a bound; one that
does not is left alone for twice as long each time, with some chance in it, so that workers that
failed together do not come back together.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from agentd.loop.failures import TransientFailure

ATTEMPTS = 6
"""Tries in all: a failed node is failed for good, so some patience pays."""

LONGEST_RETRY_AFTER = 60.0
"""Seconds that a server may make us wait for one try."""

Sleep = Callable[[float], Awaitable[None]]
Tell = Callable[[TransientFailure, int, float], Awaitable[None]]
"""Is told of a failure that passes: which, the number of the try, the seconds until the next."""

T = TypeVar("T")

_backoff = wait_exponential_jitter(initial=1, max=30, exp_base=2, jitter=1)
"""1, 2, 4, 8 and 16 s, each with up to a second more."""


async def with_retries(
    ask: Callable[[], Awaitable[T]], tell: Tell, sleep: Sleep = asyncio.sleep
) -> T:
    """The answer of `ask`, asked again after a `TransientFailure`. Raises the last of them."""

    async def once() -> T:  # tenacity awaits what was declared as `async def`, nothing else
        return await ask()

    async def before_sleep(state: RetryCallState) -> None:
        await tell(_failure(state), state.attempt_number, state.upcoming_sleep)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientFailure),
        stop=stop_after_attempt(ATTEMPTS),
        wait=_retry_wait,
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    return await retrying(once)


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a Retry-After header asks for: a number, or a date (RFC 9110, 10.2.3).

    `now` is in Unix seconds. None where there is no header, or one that says nothing.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: float) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now


def _retry_wait(state: RetryCallState) -> float:
    asked = _failure(state).retry_after
    return _backoff(state) if asked is None else min(asked, LONGEST_RETRY_AFTER)


def _failure(state: RetryCallState) -> TransientFailure:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TransientFailure):
        raise TypeError(f"only failures that pass are tried again, not {error!r}")
    return error
