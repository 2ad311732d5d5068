"""One request: its method, its params and the type of its answer, and its line on the wire."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from agentd import api
from agentd.client.values import UNENCODABLE, encode
from agentd.errors import InvalidParams, RequestTooLarge
from agentd.protocol import LINE_LIMIT

Result_co = TypeVar("Result_co", covariant=True)
Id = str | UUID
_encode = msgspec.json.Encoder().encode


class Request(NamedTuple, Generic[Result_co]):
    """A request that may be repeated, and the type of what answers it."""

    method: str
    params: api.Params
    result: type[Result_co]


def request_line(method: str, params: object) -> bytes:
    """One request as it goes over the wire; what is the caller's in `params` is JSON before.

    Raises `RequestTooLarge`, or what `encode` raises of a text that is none.
    """
    try:
        text = _encode({"method": method, "params": params})
    except UNENCODABLE:
        encode(params, "$")  # says where
        raise
    if len(text) >= LINE_LIMIT:
        raise RequestTooLarge(
            f"the request has {len(text)} bytes, one line may have {LINE_LIMIT} in all: "
            "keep large data in files and send their paths"
        )
    return text + b"\n"


@contextmanager
def refused_here(method: str) -> Iterator[None]:
    """Around the params of a request: what the daemon would refuse of them is refused here."""
    try:
        yield
    except ValueError as error:
        raise InvalidParams(f"{method}: {error}") from error


def wait_secs(params: object) -> float:
    """For how many seconds the daemon may let this request wait."""
    if isinstance(params, Mapping):
        asked = params.get("wait_secs")
    else:
        asked = getattr(params, "wait_secs", None)
    return float(asked) if isinstance(asked, int | float) and asked > 0 else 0.0


def request_id_or_new(chosen: Id | None) -> str:
    """The caller's id, or one of our own: it makes the request safe to repeat."""
    return str(chosen or _new_id())


def _new_id() -> str:
    """A random UUID: RFC 9562, version 4. The uuid module takes three times as long for it."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
