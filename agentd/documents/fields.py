"""The fields of one object in a document, each read with the type that it has to have.

The rule this file keeps: what is wrong with a field is kept as a fault, and reading goes on. What
stands under a name that is not known is somebody's work: it goes along, beside what else is the
user's own. Only what was meant for the daemon, or says that the work is done, is a fault.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from agentd.client.values import is_json
from agentd.documents.faults import Place
from agentd.documents.kinds import NOT_BEGUN, ObjectKind
from agentd.documents.spelling import nearest_field, plain

Value = TypeVar("Value")
Default = TypeVar("Default")

_DONE = "a node begins as PENDING: leave out what is done, or put this under `payload`"

_EXPECTED = {
    "priority": "a whole number from -100 to 100, or a word such as `high`",
    "retry": "an object such as {max_attempts: 3} (`attempts: 3` says the same)",
    "lease_secs": "whole seconds, 1 to 86,400",
    "timeout_secs": "whole seconds, 1 to 31,536,000",
    "on_failure": "`block` or `continue`",
    "on_timeout": "`approve` or `reject`",
    "requires": "a list of texts, such as [gpu]",
    "limits": "a list of texts, such as [claude]",
    "locks": "a list of keys, such as [file:src/a.py], or of {key, mode}",
}
"""Of fields that go on as they are; of the others the decoder tells what is wrong within them."""

_QUOTED = 40
"""Characters of a value that a fault repeats."""

_OUTERMOST = json.JSONDecoder(
    parse_int=str, parse_float=str, object_pairs_hook=lambda pairs: [name for name, _ in pairs]
)
"""Makes of every object the names of its fields."""

_KINDS = {
    b"{": "an object",
    b"[": "a list",
    b'"': "a text",
    b"t": "true",
    b"f": "false",
    b"n": "null",
}


class Fields:
    """The fields of an object that stands at a place."""

    def __init__(self, place: Place, written: msgspec.Raw, kind: ObjectKind) -> None:
        """What is no object is a fault."""
        self.place = place
        self.advised: set[str] = set()
        self.others: dict[str, msgspec.Raw] = {}
        """What goes along with the user's own JSON, by name."""
        self.is_object = json_kind(written) == "an object"
        self._kind = kind
        self._text = bytes(written) if self.is_object else b"{}"
        self._all = msgspec.json.decode(self._text, type=dict[str, msgspec.Raw])
        self._written = {  # null counts as left out, as it does in a request
            name: value
            for name, value in self._all.items()
            if name in kind.own or json_kind(value) != "null"
        }
        if not self.is_object:
            some = " and ".join(f"`{name}`" for name in kind.fields[:2])
            found = json_kind(written)
            place.fault(f"expected an object with fields such as {some}, got {found}")

    def sort_names(self) -> None:
        """Find the fields that go along; one that may not, or that is given twice, is a fault."""
        for name, times in names_in(self._text).items():
            if times > 1:
                self.place.fault(f"the field `{name}` is given {times} times", name)
            if name in self._kind.fields:
                continue
            if (advice := self._advice(name)) is not None:
                self.place.fault(f"there is no field `{name}`: {advice}", name)
            else:
                self.others[name] = self._all[name]

    def hand_on(self, name: str) -> None:
        """Have a field that is known go along all the same."""
        self.others[name] = self._written[name]

    def which(self, *names: str) -> str:
        """Under which of several names of one field it is given; two of them are a fault."""
        given = [name for name in names if name in self]
        if len(given) > 1:
            two = " and ".join(f"`{name}`" for name in given)
            count = "two" if len(given) == len("ab") else str(len(given))
            self.place.fault(f"{two} are {count} names of one field: give one", given[1])
        return given[0] if given else names[0]

    def __contains__(self, name: str) -> bool:
        return name in self._written

    def __len__(self) -> int:
        return len(self._all)

    def raw(self, name: str, default: bytes) -> msgspec.Raw:
        """The JSON of a field, as it was written."""
        return self._written.get(name, msgspec.Raw(default))

    def own(self, name: str) -> msgspec.Raw:
        """The user's own JSON in a field, and beside it all that goes along.

        What is there twice, or nests deeper than a line may, is a fault.
        """
        written = self.raw(name, b"{}")
        self._check_depth(name, written, self._kind.goes_to)
        if not self.others:
            return written
        if json_kind(written) != "an object":
            these = ", ".join(f"`{other}`" for other in self.others)
            found = json_kind(written)
            self.place.fault(
                f"`{name}`: expected an object, where {these} can stand too, got {found}", name
            )
            return written
        there = msgspec.json.decode(written, type=dict[str, msgspec.Raw])
        for other, value in self.others.items():
            self._check_depth(other, value, f"{self._kind.goes_to}.{name}")
            if other in there:
                self.place.fault(f"`{other}` stands in `{name}` as well: give one of them", other)
        return put_into(written, self.others)

    def _check_depth(self, name: str, written: msgspec.Raw, goes_to: str) -> None:
        if not is_json(bytes(written), goes_to):  # JSON it is: it was read already
            self.place.fault(f"`{name}` nests deeper than a request may", name)

    def get(
        self, name: str, type_: type[Value], expected: str, default: Default
    ) -> Value | Default:
        """The value of a field, the default where there is none or, with a fault, another type."""
        if name not in self:
            return default
        try:
            return msgspec.json.decode(self._written[name], type=type_)
        except msgspec.MsgspecError:
            found = json_kind(self._written[name])
            self.place.fault(f"`{name}`: expected {expected}, got {found}", name)
            return default

    def sent(self, name: str, type_: Any) -> Any:
        """The value of a field that goes on as it is; what the daemon would refuse is a fault."""
        if name not in self:
            return None
        try:
            return msgspec.json.decode(self._written[name], type=type_)
        except msgspec.MsgspecError as error:
            kind = json_kind(self._written[name])
            expected = _EXPECTED.get(name)
            if expected is not None and not (name == "retry" and kind == "an object"):
                written = bytes(self._written[name]).decode()
                found = written if len(written) <= _QUOTED else f"{written[:_QUOTED]}..."
                self.place.fault(f"`{name}`: expected {expected}, got {found}", name)
            else:
                self.place.fault(f"`{name}`: {error}", name)
            return None

    def _advice(self, name: str) -> str | None:
        """What to do with a field that is not known; None where it goes along."""
        kind, letters = self._kind, plain(name)
        if letters in kind.advice:
            return kind.advice[letters]
        if letters in kind.done and _says_done(self._all[name]):
            return _DONE
        meant = kind.others.get(letters)
        if meant is not None and (meant in self or meant in self.advised):
            meant = None
        meant = meant or nearest_field(name, kind.fields)
        if meant is None:
            return None if kind.else_into else f"put it under `{kind.else_under}`"
        self.advised.add(meant)
        return f"did you mean `{meant}`? (else put it under `{kind.else_under}`)"


def names_in(written: bytes | msgspec.Raw) -> Counter[str]:
    """The names of an object's fields, and how often each stands there."""
    return Counter(_OUTERMOST.decode(bytes(written).decode()))


def put_into(written: msgspec.Raw, others: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    """An object with other fields in front of its own, which stay as they were written."""
    held = bytes(written)[1:].lstrip()
    parts = [msgspec.json.encode(name) + b":" + bytes(value) for name, value in others.items()]
    comma = b"" if held.startswith(b"}") else b","
    return msgspec.Raw(b"{" + b",".join(parts) + comma + held)


def text_or_number(written: msgspec.Raw) -> str | None:
    """A text, or a number as the text that was written; None for anything else."""
    if json_kind(written) == "a text":
        return msgspec.json.decode(written, type=str)
    return bytes(written).decode() if json_kind(written) == "a number" else None


def _says_done(written: msgspec.Raw) -> bool:
    """Does a `status`, or what others call it, say anything but that nothing has begun?"""
    if (said := text_or_number(written)) is not None:
        return bool(said.strip()) and plain(said.strip()) not in NOT_BEGUN
    return json_kind(written) == "true"


def json_kind(written: msgspec.Raw) -> str:
    """What a value is, for a person."""
    return _KINDS.get(bytes(written)[:1], "a number")
