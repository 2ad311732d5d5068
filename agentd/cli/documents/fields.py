"""The fields of one object in a document, each read with the type that it has to have.

The rule this file keeps: what is wrong with a field is kept as a fault, and reading goes on. What
stands under a name that is not known is somebody's work: the advice is where it belongs.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from agentd.api import NodeDefaults, NodeSettingsSpec
from agentd.cli.documents.faults import Place
from agentd.client.values import is_json
from agentd.suggestion import closest_name

Value = TypeVar("Value")
Default = TypeVar("Default")


NODE_SETTINGS = NodeSettingsSpec.__struct_fields__
"""The fields of a node that go on as they are."""

WORDS = ("attempts", "backoff", "timeout", "lease")
"""What a person says in the place of some of them."""


class ObjectKind(NamedTuple):
    """A kind of object: its fields, where anything else goes, and what others call the fields.

    `own` are the fields that hold the user's own JSON, where null is a value; `goes_to` is the
    place of that in the request. `advice` is for names that are no misspelled fields.
    """

    fields: Sequence[str]
    else_under: str
    others: Mapping[str, Sequence[str]]
    own: Sequence[str]
    goes_to: str
    advice: Mapping[str, str] = {}


_OTHERS = {
    "attempts": ("retries", "max_attempts", "max_retries", "tries"),
    "backoff": ("backoff_secs", "delay", "retry_delay"),
    "timeout": ("time_limit", "max_time"),
}

_STATUS_ADVICE = "a node begins as PENDING: leave out what is done, or put it under `payload`"

TASK = ObjectKind(
    (
        *("goal", "context", "nodes", "initial_nodes", "request_id", "priority", "node_defaults"),
        *("parent_task_id", "labels", "budget", "paused", "timeout", "timeout_secs", "dedupe_key"),
    ),
    "context",
    {
        "nodes": ("tasks", "subtasks", "steps", "jobs", "stages", "items", "todos"),
        "goal": ("title", "name", "objective", "description", "summary", "prompt", "task"),
    },
    ("context",),
    "$.context",
    {
        name: "put it under `node_defaults`, or under a node"
        for name in (*WORDS, *NodeDefaults.__struct_fields__)
        if not name.startswith("timeout")  # that of a task is another one
    },
)
DEFAULTS = ObjectKind(
    (*WORDS, *NodeDefaults.__struct_fields__),
    "nodes",
    {"requires": ("labels", "label"), **_OTHERS},
    (),
    "$.node_defaults",
    {"priority": "put it beside `node_defaults`"},
)
NODE = ObjectKind(
    ("name", "id", "dependencies", "payload_schema", "payload", *WORDS, *NODE_SETTINGS),
    "payload",
    {
        "dependencies": (
            *("depends", "depends_on", "dependson", "needs", "need", "after", "deps"),
            *("blocked_by", "blockedby", "parents", "prerequisites", "upstream"),
        ),
        "requires": ("labels", "label"),
        **_OTHERS,
    },
    ("payload_schema", "payload"),
    "$.initial_nodes[0].payload_schema",
    dict.fromkeys(("status", "state", "done", "completed"), _STATUS_ADVICE),
)

_EXPECTED = {
    "priority": "a whole number from -100 to 100",
    "lease_secs": "whole seconds, 1 to 86,400",
    "timeout_secs": "whole seconds, 1 to 31,536,000",
    "on_failure": "`block` or `continue`",
    "requires": "a list of texts, such as [gpu]",
    "limits": "a list of texts, such as [claude]",
}
"""Of fields that go on as they are; of the others the decoder tells what is wrong within them."""

_QUOTED = 40
"""Characters of a value that a fault repeats."""

_OUTERMOST = json.JSONDecoder(
    parse_int=str, parse_float=str, object_pairs_hook=lambda pairs: [name for name, _ in pairs]
)
"""Gives the names of an object's fields, each as often as it stands there."""

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
        self.is_object = json_kind(written) == "an object"
        self._kind = kind
        self._text = bytes(written) if self.is_object else b"{}"
        given = msgspec.json.decode(self._text, type=dict[str, msgspec.Raw])
        self._written = {  # null counts as left out, as it does in a request
            name: value
            for name, value in given.items()
            if name in kind.own or json_kind(value) != "null"
        }
        if not self.is_object:
            known = ", ".join(f"`{name}`" for name in kind.fields)
            place.fault(f"expected an object with the fields {known}")

    def check_names(self) -> None:
        """A field that is given twice, or that its kind does not have, is a fault."""
        for name, times in Counter(_OUTERMOST.decode(self._text.decode())).items():
            if times > 1:
                self.place.fault(f"the field `{name}` is given {times} times", name)
            if name not in self._kind.fields:
                self.place.fault(f"there is no field `{name}`: {self._advice(name)}", name)

    def __contains__(self, name: str) -> bool:
        return name in self._written

    def raw(self, name: str, default: bytes) -> msgspec.Raw:
        """The JSON of a field, as it was written."""
        return self._written.get(name, msgspec.Raw(default))

    def own(self, name: str, default: bytes) -> msgspec.Raw:
        """The user's own JSON in a field. That it nests deeper than a line may is a fault."""
        written = self.raw(name, default)
        if not is_json(bytes(written), self._kind.goes_to):  # JSON it is: it was read already
            self.place.fault(f"`{name}` nests deeper than a request may", name)
        return written

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
            if (expected := _EXPECTED.get(name)) is not None:
                written = bytes(self._written[name]).decode()
                found = written if len(written) <= _QUOTED else f"{written[:_QUOTED]}..."
                self.place.fault(f"`{name}`: expected {expected}, got {found}", name)
            else:
                self.place.fault(f"`{name}`: {error}", name)
            return None

    def _advice(self, name: str) -> str:
        kind, lower = self._kind, name.lower()
        if lower in kind.advice:
            return kind.advice[lower]
        free = [field for field in kind.fields if field not in self]
        meant = next((field for field in free if lower in kind.others.get(field, ())), None)
        meant = meant or closest_name(lower, free)
        if meant is None:
            return f"put it under `{kind.else_under}`"
        self.advised.add(meant)
        return f"did you mean `{meant}`?"


def json_kind(written: msgspec.Raw) -> str:
    """What a value is, for a person."""
    return _KINDS.get(bytes(written)[:1], "a number")
