"""What somebody meant who wrote a name that there is not."""

from collections.abc import Sequence
from difflib import get_close_matches


def closest_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant."""
    return next(iter(get_close_matches(name, known, 1)), None)
