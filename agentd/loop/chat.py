"""One request to an OpenAI-compatible chat endpoint.

The rule this file keeps: `ask` sends once and waits a bounded time for a bounded answer. It returns
a text that is of use or raises: `TransientFailure` for what may be better the next time, else
`PermanentFailure`. Whatever the server said is scrubbed of the key here, before anybody else sees
it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from agentd.errors import Failure
from agentd.loop import completion
from agentd.loop.completion import Completion
from agentd.loop.failures import PermanentFailure, TransientFailure
from agentd.loop.prompts import Messages
from agentd.loop.retries import retry_after
from agentd.loop.settings import Settings

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes. An answer of a million tokens is about as large."""

_QUIET_MODELS = "deepseek-v4"
"""Models whose name begins so think unless they are told not to; thinking costs tokens."""

_TRANSIENT_STATUSES = frozenset({408, 429})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ADVICE = {
    400: "look at DEEPSEEK_MODEL, DEEPSEEK_MAX_TOKENS and DEEPSEEK_TEMPERATURE: one does not fit",
    401: "check DEEPSEEK_API_KEY: the endpoint does not take it",
    402: "top up the account: its balance is used up",
    403: "check what DEEPSEEK_API_KEY is allowed to do",
    404: "check DEEPSEEK_BASE_URL and DEEPSEEK_MODEL: the endpoint knows no such path or model",
    422: "look at DEEPSEEK_MODEL, DEEPSEEK_MAX_TOKENS and DEEPSEEK_TEMPERATURE: one does not fit",
    429: "the endpoint is asked too often: try later, or set AGENTD_AGENT_WORKERS=1",
}
_TRY_LATER = "the endpoint is not well or out of reach: check DEEPSEEK_BASE_URL, and try later"


class Timeouts(NamedTuple):
    """Seconds: to connect, between two parts of an answer, and for the answer as a whole."""

    connect: float = 10.0
    read: float = 60.0
    whole: float = 180.0


class ChatAnswer(NamedTuple):
    """What the model wrote, and how long that took in milliseconds."""

    completion: Completion
    latency_ms: int


class ChatClient:
    """Asks one endpoint. `clock` is monotonic, `now` is the wall clock; both in seconds."""

    def __init__(
        self,
        settings: Settings,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a NamedTuple does not change
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._clock = clock
        self._now = now

    async def ask(self, messages: Messages) -> ChatAnswer:
        """The answer to one request. Raises `TransientFailure` or `PermanentFailure`."""
        began = self._clock()
        try:
            async with asyncio.timeout(self._timeouts.whole), self.client() as client:
                response, body = await self._send(client, messages)
        except (TimeoutError, httpx.TimeoutException) as error:
            seconds = self._clock() - began
            raise self._transient_failure(
                f"no answer in {seconds:.1f} s ({type(error).__name__})"
            ) from None
        except httpx.TransportError as error:
            raise self._transient_failure(f"{type(error).__name__}: {error}") from None
        except httpx.DecodingError as error:
            raise self._transient_failure(f"an answer that cannot be unpacked: {error}") from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise PermanentFailure(
                f"no such endpoint: {error}", "check DEEPSEEK_BASE_URL"
            ) from None
        scrub = self._settings.key.scrub
        if response.status_code != httpx.codes.OK:
            raise self._status_failure(response, completion.error_message(body, scrub))
        answer = completion.parse_completion(body, scrub, self._settings.max_tokens)
        return ChatAnswer(answer, round((self._clock() - began) * 1000))

    def client(self) -> httpx.AsyncClient:
        """A client of httpx; what cannot be made, because of a proxy perhaps, is a `Failure`."""
        timeouts = self._timeouts
        host = urlsplit(self._settings.base_url).hostname
        try:
            return httpx.AsyncClient(
                timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect),
                trust_env=host not in _LOOPBACK,  # no proxy stands before our own machine
            )
        except (ImportError, ValueError, OSError) as error:
            raise Failure(
                "no HTTP client can be made: check HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE "
                f"({type(error).__name__})"
            ) from None

    async def _send(
        self, client: httpx.AsyncClient, messages: Messages
    ) -> tuple[httpx.Response, bytes]:
        key = self._settings.key.reveal()
        async with client.stream(
            "POST",
            f"{self._settings.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {key}"},
            json=self._body(messages),
        ) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise PermanentFailure(
                        f"an answer of more than {LARGEST_ANSWER} bytes",
                        "check DEEPSEEK_BASE_URL: this is no chat endpoint",
                    )
        return response, bytes(body)

    def _body(self, messages: Messages) -> dict[str, Any]:
        settings = self._settings
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": messages,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            "stream": False,
        }
        if settings.model.startswith(_QUIET_MODELS):
            body["thinking"] = {"type": "disabled"}
        return body

    def _status_failure(
        self, response: httpx.Response, complaint: str
    ) -> TransientFailure | PermanentFailure:
        status = response.status_code
        message = f"the endpoint answered {status}: {complaint}"
        if status in _TRANSIENT_STATUSES or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers.get("Retry-After"), self._now())
            return TransientFailure(message, _ADVICE.get(status, _TRY_LATER), status, wait)
        advice = _ADVICE.get(status, "check DEEPSEEK_BASE_URL: this is no chat endpoint")
        return PermanentFailure(message, advice, status)

    def _transient_failure(self, what: str) -> TransientFailure:
        scrubbed = self._settings.key.scrub(what)
        return TransientFailure(scrubbed, _TRY_LATER)
