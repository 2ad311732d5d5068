"""A value of a plan that is read, and where it stands.

The rule this file keeps: nobody reads a value without saying what it has to be; what it is not is
kept as a fault, and reading goes on. JSON that goes along stays as it was written.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Raw

from agentd.documents.faults import Place
from agentd.documents.fields import json_kind, names_in, text_or_number

_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)

_PLAIN = msgspec.json.Decoder(float_hook=str)
"""Takes a number of any size: no number is looked at."""


class Part:
    """A value, at a place of the document; or below another one, by its name or number there.

    A plan has a million of them, and of most nobody asks where they stand.
    """

    __slots__ = ("_at", "raw")

    def __init__(self, at: "Place | tuple[Part, str | int]", written: Raw) -> None:
        self.raw = written
        self._at = at

    @property
    def place(self) -> Place:
        """Where it stands."""
        if not isinstance(self._at, Place):
            above, step = self._at
            self._at = above.place.below(step)
        return self._at

    @property
    def kind(self) -> str:
        """What it is, for a person: "an object", "a list", "a number", "true" and so on."""
        return json_kind(self.raw)

    @property
    def where(self) -> str:
        """Its place as people write it: `jobs.build.steps[0]`."""
        steps = (f"[{step}]" if type(step) is int else f".{step}" for step in self.place.path)
        return "".join(steps).removeprefix(".")

    @property
    def line(self) -> int:
        """The line on which it stands."""
        return self.place.faults.line_of(self.place.path)

    def fault(self, message: str) -> None:
        """It is not as it has to be."""
        self.place.fault(message)

    def wrong(self, expected: str) -> None:
        """It is something else than was expected."""
        last = self.place.path[-1] if self.place.path else ""
        named = f"`{last}`: " if isinstance(last, str) and last else ""
        self.fault(f"{named}expected {expected}, got {self.kind}")

    def fields(self, expected: str = "an object") -> "dict[str, Part]":
        """The fields of an object; none, and a fault, where it is something else."""
        if self.kind != "an object":
            self.wrong(expected)
            return {}
        found = msgspec.json.decode(self.raw, type=dict[str, Raw])
        if (counted := names_in(self.raw)).total() > len(found):
            for name, times in counted.items():
                if times > 1:
                    self.place.fault(f"the field `{name}` is given {times} times", name)
        return {name: Part((self, name), value) for name, value in found.items()}

    def items(self, expected: str = "a list") -> "list[Part]":
        """The parts of a list; none, and a fault, where it is something else."""
        if self.kind != "a list":
            self.wrong(expected)
            return []
        found = msgspec.json.decode(self.raw, type=list[Raw])
        return [Part((self, at), value) for at, value in enumerate(found)]

    def one_or_more(self, expected: str) -> "list[Part]":
        """The parts of a list, or the one that stands in its place; none for null."""
        if self.kind == "null":
            return []
        return self.items(expected) if self.kind == "a list" else [self]

    def text(self, expected: str = "a text") -> str | None:
        """A text, a number as it was written; None, and a fault, for something else."""
        found = text_or_number(self.raw)
        if found is None:
            self.wrong(expected)
        return found

    def visible_text(self) -> str:
        """A text that a person is asked about: of an empty one, its quotes."""
        return self.text() or ('""' if self.kind == "a text" else "")

    def texts(self, expected: str) -> list[str]:
        """The texts of a list, or the one in its place."""
        found = (each.text(expected) for each in self.one_or_more(expected))
        return [text for text in found if text is not None]

    def whole(self, expected: str) -> int | None:
        """A whole number, also one in quotes; None, and a fault, for something else."""
        text = text_or_number(self.raw)
        if text is not None and _WHOLE.fullmatch(text):
            return int(text)
        self.wrong_value(expected)
        return None

    def seconds(self, expected: str = "a number of seconds") -> float | None:
        """A number that is not negative; None, and a fault, for something else."""
        text = text_or_number(self.raw)
        if text is not None and _DECIMAL.fullmatch(text):
            return float(text)
        self.wrong_value(expected)
        return None

    def truth(self, expected: str = "true or false") -> bool:
        """Whether it says true; false, and a fault, for something else."""
        if self.kind not in ("true", "false"):
            self.wrong(expected)
        return self.kind == "true"

    def wrong_value(self, expected: str) -> None:
        """It has another value than was expected."""
        last = self.place.path[-1] if self.place.path else ""
        named = f"`{last}`: " if isinstance(last, str) and last else ""
        self.fault(f"{named}expected {expected}, got {self.shown()}")

    def shown(self, most: int = 60) -> str:
        """Its value in a message, cut where it is long."""
        words = bytes(self.raw).decode(errors="replace")
        return words if len(words) <= most else f"{words[:most]}..."


def null_left_out(fields: dict[str, Part]) -> dict[str, Part]:
    """The fields that say something: null counts as left out."""
    return {name: part for name, part in fields.items() if part.kind != "null"}


def text_in(fields: Mapping[str, Part], *names: str) -> str | None:
    """What the first of those fields says that is there; None where none is, or it is no text."""
    return next((fields[name].text() for name in names if name in fields), None)


def fields_in(fields: Mapping[str, Part], name: str) -> dict[str, Part]:
    """What an object in that field says, as far as it says something; nothing where it is not."""
    return null_left_out(fields[name].fields()) if name in fields else {}


def plain_value(written: Raw) -> object:
    """The value, for looking at it; a number with a fraction as the text that was written."""
    return _PLAIN.decode(written)


def walk_texts(written: Raw) -> Iterator[str]:
    """All texts within a value, keys left out, as they stand from top to bottom."""
    stack = [plain_value(written)]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack.extend(reversed(value.values()))
        elif isinstance(value, list):
            stack.extend(reversed(value))
