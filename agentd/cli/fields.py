"""The fields of one object in a document, each read with the type that it has to have.

The rule this file keeps: a refusal names the document, the node and the field.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TypeVar

import msgspec

from agentd.errors import BadSetting

Value = TypeVar("Value")


class BadDocument(BadSetting):
    """A document that describes no task."""


class Fields:
    """The fields of an object; `where` is the document's name, and the node's if it is one."""

    def __init__(self, where: str, written: msgspec.Raw, known: Sequence[str]) -> None:
        """Raises `BadDocument` for what is no object, and for fields that are not known."""
        self.where = where
        try:
            self._written = msgspec.json.decode(written, type=dict[str, msgspec.Raw])
        except msgspec.MsgspecError as error:
            fields = ", ".join(f"`{name}`" for name in known)
            raise BadDocument(f"{where}: expected an object with the fields {fields}") from error
        for name in self._written:
            if name not in known:
                raise self.refused(f"there is no field `{name}`: {_meant(name, known)}")

    def __contains__(self, name: str) -> bool:
        return name in self._written

    def raw(self, name: str, default: bytes) -> msgspec.Raw:
        """The JSON of a field, as it was written."""
        return self._written.get(name, msgspec.Raw(default))

    def get(self, name: str, type_: type[Value], expected: str, default: bytes) -> Value:
        """The value of a field. Raises `BadDocument` where it is not of the type."""
        try:
            return msgspec.json.decode(self.raw(name, default), type=type_)
        except msgspec.MsgspecError as error:
            found = str(error).partition(", ")[2]  # behind what msgspec expected
            raise self.refused(f"`{name}`: expected {expected}, {found}") from error

    def refused(self, message: str) -> BadDocument:
        """The refusal of this object, to be raised."""
        return BadDocument(f"{self.where}: {message}")


def _meant(name: str, known: Sequence[str]) -> str:
    return f"did you mean {meant}" if (meant := closest(name, known)) else "leave it out"


def closest(name: str, known: Sequence[str]) -> str | None:
    """The known name that was probably meant, in quotes, as a question."""
    near = get_close_matches(name.lower(), known, 1)
    return f"`{near[0]}`?" if near else None
