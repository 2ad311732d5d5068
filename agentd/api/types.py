"""The types that params and results are made of.

Ids are UUID strings, in lower case with dashes once they are decoded. `msgspec.Raw` is the user's
JSON, untouched. Times are Unix seconds, except `created_at` and `timestamp`: RFC 3339 UTC with
milliseconds.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, TypeVar

from msgspec import Meta, Raw, UnsetType

T = TypeVar("T")

UnixSeconds = Annotated[int, Meta(description="Unix seconds")]
Timestamp = Annotated[str, Meta(description="RFC 3339 UTC with milliseconds")]

if TYPE_CHECKING:
    OrNull = Annotated[T, "null on the wire"]
else:
    OrNull = T | None
"""What counts as left out where it is null: once it is decoded it is its default."""

EMPTY_OBJECT = b"{}"
NULL = b"null"

_UUID = r"^(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32})$(?!\n)"
_matches_id = re.compile(_UUID).fullmatch
_NIL = "00000000-0000-0000-0000-000000000000"

Id = Annotated[str, Meta(pattern=_UUID, extra_json_schema={"format": "uuid"})]
ResultId = Annotated[str, Meta(extra_json_schema={"pattern": _UUID, "format": "uuid"})]
"""An id in a result, described alike: the daemon made sure of it, and matching 150 of them anew
would cost a client more than all the rest of its call."""

Json = Annotated[Raw, Meta(description="any JSON value")]
OptionalJson = Annotated[
    Json | UnsetType, Meta(description="any JSON value; null where it is left out")
]
PayloadAlias = Annotated[Json | UnsetType, Meta(description="another name of `payload`")]
RequestId = Annotated[
    Id,
    Meta(
        description="chosen by the client: a command repeated under it, within 24 h, is answered "
        "as the first time and changes nothing, but one that found nothing to do is tried again; "
        "queries change nothing anyway"
    ),
]
OptionalObject = Annotated[
    Json | UnsetType, Meta(description="any JSON value", extra_json_schema={"default": {}})
]


NodeRef = Annotated[str, Meta(description="the node's id, or its name in this task")]


def is_id(text: str) -> bool:
    """Whether the text has the form of a UUID, with dashes or without."""
    return _matches_id(text) is not None


def canonical_ref(text: str) -> str:
    """An id as agentd writes it; a name as it is."""
    return canonical_id(text) if is_id(text) else text


def canonical_id(text: str) -> str:
    """A UUID as agentd writes it: lower case, with its dashes."""
    text = text.lower()
    if len(text) == 32:  # noqa: PLR2004 - a form that is legal on input, without dashes
        text = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return text


def canonical_prefix(text: str) -> str:
    """The beginning of a UUID as agentd writes it. Raises ValueError where no UUID begins so."""
    prefix = text.lower()
    if "-" not in prefix:
        groups = prefix[:8], prefix[8:12], prefix[12:16], prefix[16:20], prefix[20:]
        prefix = "-".join(filter(None, groups))
    if not re.fullmatch(_UUID, prefix + _NIL[len(prefix) :]):
        raise ValueError(text)
    return prefix


def or_default(value: Raw | UnsetType, default: bytes) -> bytes:
    """The user's bytes, or the default where nothing was given."""
    return default if isinstance(value, UnsetType) else bytes(value)


def rfc3339(at: int) -> str:
    """Unix milliseconds as RFC 3339 UTC with milliseconds."""
    seconds, milliseconds = divmod(at, 1000)
    return f"{_rfc3339_seconds(seconds)}.{milliseconds:03d}Z"


@lru_cache(
    maxsize=4096
)  # events come in clusters, and formatting a second costs as much as a query
def _rfc3339_seconds(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
