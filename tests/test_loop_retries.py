"""How patiently a request that failed is repeated: real HTTP, no real waiting."""

import asyncio

import pytest

from agentd.loop.chat import ChatClient
from agentd.loop.failures import TransientFailure
from agentd.loop.retries import ATTEMPTS, LONGEST_RETRY_AFTER, retry_after, with_retries
from tests.loop_asking import MESSAGES, NOW, ask_patiently, settings
from tests.loop_endpoint import (
    Endpoint,
    drops,
    refuses,
)


def test_the_wait_grows(there: Endpoint) -> None:
    """Each wait is about twice the one before, with up to a second of chance; then it is over."""
    there.faults.extend([refuses(503)] * ATTEMPTS)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def tell(_failed: TransientFailure, _attempt: int, _seconds: float) -> None:
        pass

    chat = ChatClient(settings(there.base_url))
    with pytest.raises(TransientFailure, match="answered 503"):
        asyncio.run(with_retries(lambda: chat.ask(MESSAGES), tell, sleep))
    assert len(there.asks) == ATTEMPTS == 6
    for seconds, least in zip(slept, [1, 2, 4, 8, 16], strict=True):
        assert least <= seconds <= least + 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("Fri, 15 Jan 2027 08:00:12 GMT", 12),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("86400", LONGEST_RETRY_AFTER),
    ],
)
def test_retry_after_is_honoured(there: Endpoint, header: str, seconds: float) -> None:
    """A number of seconds or a date says how long to wait, up to a bound."""
    there.faults.append(refuses(429, Retry_After=header))
    _, slept, _ = ask_patiently(there)
    assert slept == [seconds]


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "inf", "Fri, 99 Jan 2027"])
def test_a_retry_after_that_says_nothing(header: str | None) -> None:
    """Then the backoff decides."""
    assert retry_after(header, NOW) is None


def test_who_waits_is_told(there: Endpoint) -> None:
    """Each failure that passes is told before the wait."""
    there.faults.extend([refuses(429, "slow down", Retry_After="1"), drops])
    _, _, told = ask_patiently(there)
    assert told[0] == "the endpoint answered 429: slow down"
    assert told[1].startswith("RemoteProtocolError")
