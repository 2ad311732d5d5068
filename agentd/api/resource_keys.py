"""The key of a lock, in params."""

from typing import Annotated

from msgspec import Meta

from agentd.lock_keys import LONGEST_KEY, normalise_key

ResourceKey = Annotated[
    str,
    Meta(
        max_length=LONGEST_KEY,
        description="free text; `file:` and `dir:` keys are paths, and may be globs",
    ),
]


def normalised(key: str, place: str) -> str:
    """The key as locks have it. Raises ValueError that names the place."""
    try:
        return normalise_key(key)
    except ValueError as fault:
        raise ValueError(f"`{place}`: {fault}") from None
