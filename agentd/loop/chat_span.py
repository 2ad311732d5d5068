"""The span of what an agent asks a model, by OpenTelemetry's conventions for generative AI.

The rule this file keeps: it covers all tries of one question, and has its sizes and its outcome;
neither the prompt nor the answer is in it, and nothing that the endpoint said but its names for the
model and for the end, scrubbed of the key.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agentd.loop.completion import Completion
from agentd.loop.failures import ChatFailed
from agentd.loop.settings import Settings
from agentd.traces.context import is_traced

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_PROVIDERS = MappingProxyType({"api.deepseek.com": "deepseek"})
_OTHER_PROVIDER = "openai"
"""What other endpoints are told as: those whose API they have."""

_PORTS = MappingProxyType({"http": 80, "https": 443})
_LONGEST_WORDS = 200
"""Characters of a description."""

_TOKENS = MappingProxyType({"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"})

Note = Callable[[Completion], None]
"""Is given the answer."""


@contextmanager
def chat_span(settings: Settings) -> Iterator[Note]:
    """Around the question, where this program traces; what is raised in it is the outcome."""
    if not is_traced():
        yield lambda _: None
        return
    from opentelemetry import trace  # noqa: PLC0415 - of the extra `otel`

    with trace.get_tracer("agentd").start_as_current_span(
        f"chat {settings.model}",
        kind=trace.SpanKind.CLIENT,
        attributes=_request_attributes(settings),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield lambda completion: span.set_attributes(_response_attributes(completion))
        except Exception as error:
            _note_error(span, error)
            raise


def _note_error(span: "Span", error: Exception) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - of the extra `otel`

    status = error.status if isinstance(error, ChatFailed) else None
    span.set_attribute("error.type", str(status or type(error).__qualname__))
    span.set_status(Status(StatusCode.ERROR, str(error)[:_LONGEST_WORDS]))


def _request_attributes(settings: Settings) -> Mapping[str, str | int | float]:
    url = urlsplit(settings.base_url)
    host = url.hostname or ""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(host, _OTHER_PROVIDER),
        "gen_ai.request.model": settings.model,
        "gen_ai.request.max_tokens": settings.max_tokens,
        "gen_ai.request.temperature": settings.temperature,
        "server.address": host,
        "server.port": url.port or _PORTS[url.scheme],
    }


def _response_attributes(completion: Completion) -> Mapping[str, str | int | list[str]]:
    found: dict[str, str | int | list[str]] = {}
    if completion.model is not None:
        found["gen_ai.response.model"] = completion.model
    if completion.finish_reason is not None:
        found["gen_ai.response.finish_reasons"] = [completion.finish_reason]
    for name, number in token_counts(completion).items():
        found[f"gen_ai.usage.{name}"] = number
    return found


def token_counts(completion: Completion) -> Mapping[str, int]:
    """The tokens of an answer as agentd and OpenTelemetry call them, where the endpoint told."""
    counted = completion.usage or {}
    return {ours: counted[name] for name, ours in _TOKENS.items() if name in counted}
