"""What the body of an answer is worth.

The rule this file keeps: a text that the model finished, or that was cut at the limit, is an
answer; everything else is a failure that says why. What is quoted is scrubbed first and shortened
then, so that no half of a key is left at the end.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from agentd.loop.decoding import Count, decode_or_none
from agentd.loop.failures import PermanentFailure, TransientFailure

Scrub = Callable[[str], str]

_QUOTED = 500
"""Characters of what the endpoint said that an error repeats."""

_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised of a body that is not what it should be."""

_TRY_LATER = "the endpoint is not well: try later"


class Completion(NamedTuple):
    """What the model wrote; `usage` counts tokens, where the endpoint says so.

    `finish_reason` and `model` are the endpoint's words, None where it says none.
    """

    text: str
    is_cut: bool
    usage: dict[str, int] | None
    finish_reason: str | None = None
    model: str | None = None


class _Message(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _Body(Struct):
    choices: list[_Choice]
    usage: Raw = Raw(b"null")
    model: Raw = Raw(b"null")


class _Error(Struct):
    message: str


class _ErrorBody(Struct):
    error: _Error


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_error = msgspec.json.Decoder(_ErrorBody).decode


def parse_completion(body: bytes, scrub: Scrub, max_tokens: int) -> Completion:
    """The completion in the body of a 200. Raises `TransientFailure` or `PermanentFailure`."""
    try:
        decoded = _decode_body(body)  # blank lines before it keep a connection alive
    except _NOT_JSON:
        told = f"an answer that is no chat completion: {_shorten(_text(body), scrub)}"
        raise TransientFailure(told, _TRY_LATER) from None
    if not decoded.choices:
        raise TransientFailure("an answer without a choice", _TRY_LATER)
    choice = decoded.choices[0]
    text = scrub(choice.message.content or "").strip()
    _check_text(text, choice.finish_reason, max_tokens)
    return Completion(
        text,
        choice.finish_reason == "length",
        _token_counts(decoded.usage),
        _word(choice.finish_reason, scrub),
        _word(decode_or_none(decoded.model, str), scrub),
    )


def error_message(body: bytes, scrub: Scrub) -> str:
    """What the body of an error says, without the key and not too long."""
    try:
        text = _decode_error(body).error.message
    except _NOT_JSON:
        text = _text(body)
    return _shorten(text, scrub) or "without a word"


def _check_text(text: str, reason: str | None, max_tokens: int) -> None:
    if reason == "insufficient_system_resource":  # DeepSeek's word for an answer that it broke off
        raise TransientFailure(
            "the endpoint broke its answer off: it has too much to do", _TRY_LATER
        )
    if reason == "content_filter":
        raise PermanentFailure(
            "the endpoint's content filter stopped the answer", "change the goal"
        )
    if not text and reason == "length":
        raise PermanentFailure(
            f"the model used all of its {max_tokens} tokens before it wrote anything",
            "raise DEEPSEEK_MAX_TOKENS, or choose a model that does not think first",
        )
    if not text:
        raise TransientFailure("an empty answer", _TRY_LATER)


def _token_counts(usage: Raw) -> dict[str, int] | None:
    """The counters, without the details that some endpoints nest below them."""
    told = decode_or_none(usage, dict[str, Raw])
    if told is None:
        return None
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    counted = {name: decode_or_none(told[name], Count) for name in names if name in told}
    return {name: number for name, number in counted.items() if number is not None}


def _word(told: str | None, scrub: Scrub) -> str | None:
    return None if told is None else _shorten(told, scrub)


def _text(body: bytes) -> str:
    return body.decode(errors="replace").strip()


def _shorten(text: str, scrub: Scrub) -> str:
    scrubbed = " ".join(scrub(text).split())
    return scrubbed if len(scrubbed) <= _QUOTED else f"{scrubbed[:_QUOTED]}…"
