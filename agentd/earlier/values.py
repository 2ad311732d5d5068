"""What the earlier agentd's values mean, and which of them it cannot have written.

The rule this file keeps: a value is what it means here or it is refused, by the name of its row.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from agentd.api import canonical_id, is_id, to_milliseconds
from agentd.errors import DatabaseRefused

Damaged = Callable[[str], DatabaseRefused]
"""Makes what is raised of what was found."""

_QUOTED = 60
"""Characters of a value that a message repeats."""


class Values:
    """Reads the values of rows; what it raises is made by `damaged`."""

    def __init__(self, damaged: Damaged) -> None:
        self._damaged = damaged

    def refuse(self, row: str, what: str) -> DatabaseRefused:
        """What is raised where something is wrong with a row."""
        return self._damaged(f"{row}: {what}")

    def id(self, value: Any, row: str) -> str:
        """A UUID as both agentds write it."""
        if not isinstance(value, str) or not is_id(value) or canonical_id(value) != value:
            raise self.refuse(row, f"{shown(value)} is no id")
        return value

    def text(self, value: Any, row: str, name: str) -> str:
        """A text, be it empty."""
        if not isinstance(value, str):
            raise self.refuse(row, f"its {name} is {shown(value)}, not a text")
        return value

    def json(self, value: Any, row: str, name: str) -> bytes:
        """JSON as it was written there."""
        self.decoded(value, row, name)
        text: bytes = value
        return text

    def decoded(self, value: Any, row: str, name: str) -> Any:
        """What the JSON says."""
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError, TypeError, UnicodeDecodeError) as error:
            raise self.refuse(row, f"its {name} is no JSON: {_shown_json(value)}") from error

    def moment(self, value: Any, row: str, name: str) -> int:
        """A time as it was written there, in Unix milliseconds."""
        try:
            return to_milliseconds(self.text(value, row, name), name)
        except ValueError:
            raise self.refuse(row, f"its {name} {shown(value)} is no time") from None

    def seconds(self, value: Any, row: str, name: str) -> int:
        """Unix seconds, in milliseconds."""
        if not isinstance(value, int):
            raise self.refuse(row, f"its {name} is {shown(value)}, not Unix seconds")
        try:
            return to_milliseconds(value, name)
        except ValueError:
            raise self.refuse(row, f"its {name} {shown(value)} is no time") from None


def _shown_json(value: Any) -> str:
    """As it was written, where it is a text at all."""
    try:
        return shown(value.decode())
    except (AttributeError, UnicodeDecodeError):
        return shown(value)


def shown(value: Any) -> str:
    """A value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
