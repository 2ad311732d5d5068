"""Safe repeats: what a request that was answered before is answered again.

The rule this file keeps: the answer is not kept, only the place in the journal of the records that
it shows, because records do not change. A request is the same when its method and its params
are, but for the trace that it is sent in: who tries again does so in another span. One that was
refused, or found nothing to hand out, is not remembered: it changed nothing.
"""

from copy import copy
from hashlib import blake2b

import msgspec
from msgspec import Struct

from agentd.api import Params
from agentd.errors import RequestIdReused

KEPT_MS = 24 * 60 * 60 * 1000
"""For how long an answer can be had again, at least."""

_DIGEST_SIZE = 16
"""Bytes: enough for requests that nobody makes to collide."""

_encode = msgspec.json.Encoder().encode


class Answered(Struct, frozen=True):
    """A request that was answered `at` (Unix milliseconds).

    `digest` stands for its method and params. `seq` is the journal's record that the answer shows,
    0 for none; with `first_seq` it shows all from that one on. `event_limit` is how many events it
    may show beside them, and `context_bytes` how many bytes of these; None where there was no
    bound. `found`: it recorded nothing, because what it asked for was so already.
    """

    request_id: str
    digest: bytes
    seq: int
    event_limit: int
    at: int
    found: bool = False
    first_seq: int = 0
    context_bytes: int | None = None


def digest(params: Params) -> bytes:
    """Of the method, which the type of its params tells, and of the params."""
    if getattr(params, "traceparent", None) is not None:
        params = copy(params)
        params.traceparent = None  # type: ignore[attr-defined]
    return blake2b(
        b"%b %b" % (type(params).__name__.encode(), _encode(params)), digest_size=_DIGEST_SIZE
    ).digest()


def check(answered: Answered, params: Params) -> None:
    """Raise `RequestIdReused` when it was another request that was answered."""
    if answered.digest != digest(params):
        raise RequestIdReused(
            f"request_id {answered.request_id} was used for another method or other params: "
            "choose a new one for every request, and keep it for its repeats",
            request_id=answered.request_id,
        )
