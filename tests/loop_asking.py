"""Asks an endpoint as the loop does, without the loop and without waiting."""

import asyncio

from agentd.loop.chat import ChatAnswer, ChatClient, Timeouts
from agentd.loop.failures import TransientFailure
from agentd.loop.prompts import INTRODUCTION, Messages
from agentd.loop.retries import with_retries
from agentd.loop.settings import Settings, load
from tests.loop_endpoint import (
    Endpoint,
)

KEY = "sk-0123456789abcdef"
NOW = 1_800_000_000.0
"""Fri, 15 Jan 2027 08:00:00 GMT."""

MESSAGES: Messages = [
    {"role": "system", "content": INTRODUCTION.format("synthesis")},
    {"role": "user", "content": "go"},
]


def settings(base_url: str, **environment: str) -> Settings:
    """The settings for that endpoint."""
    return load(None, {"DEEPSEEK_API_KEY": KEY, "DEEPSEEK_BASE_URL": base_url, **environment})


def ask(there: Endpoint, timeouts: Timeouts | None = None, **environment: str) -> ChatAnswer:
    """Ask once."""
    chat = ChatClient(
        settings(there.base_url, **environment), timeouts or Timeouts(), now=lambda: NOW
    )
    return asyncio.run(chat.ask(MESSAGES))


def ask_patiently(there: Endpoint) -> tuple[ChatAnswer, list[float], list[str]]:
    """Ask until it goes well: the answer, the seconds that were slept, and what was told."""
    slept: list[float] = []
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def tell(failed: TransientFailure, attempt: int, seconds: float) -> None:
        told.append(failed.message)
        assert attempt == len(slept) + 1
        assert seconds >= 0

    chat = ChatClient(settings(there.base_url), now=lambda: NOW)
    answer = asyncio.run(with_retries(lambda: chat.ask(MESSAGES), tell, sleep))
    return answer, slept, told
