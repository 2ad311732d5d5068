"""A node's `gate` in a document: what is asked, in one text or as an object.

The rule this file keeps: as in `settings`, a word of a person's stands for one field of the
request, and what the daemon would refuse is a fault here.
"""

import msgspec

from agentd.api import GateSpec
from agentd.api.gates import NOT_OF_GATES
from agentd.api.moments import Seconds
from agentd.documents.fields import Fields, json_kind
from agentd.documents.kinds import GATE, WORDS
from agentd.documents.settings import read_seconds


def read_gate(fields: Fields) -> GateSpec | None:
    """What the node asks before the work goes on; None where it is no gate."""
    if "gate" not in fields:
        return None
    for name in (*NOT_OF_GATES, *WORDS):
        if name in fields:
            told = f"`{name}`: the node has a `gate`, so it is decided, and never worked on"
            where = "; put it under `gate`" if name == "timeout" else ""
            fields.place.fault(told + where, name)
    written = fields.raw("gate", b"null")
    if json_kind(written) == "a text":
        return GateSpec(_check_question(fields, "gate", msgspec.json.decode(written, type=str)))
    return _read_object(fields, written)


def _check_question(fields: Fields, name: str, ask: str) -> str:
    """The question; nobody can answer one that is not there."""
    if not ask.strip():
        fields.place.fault(f"`{name}` is empty: what is somebody to decide?", name)
    return ask


def _read_object(fields: Fields, written: msgspec.Raw) -> GateSpec:
    who = f"{fields.place.who}, `gate`".removeprefix(", ")
    gate = Fields(fields.place.below("gate", who=who), written, GATE)
    gate.sort_names()
    ask = gate.get("ask", str, "a text", None)
    if ask is not None:
        _check_question(gate, "ask", ask)
    if gate.is_object and "ask" not in gate and "ask" not in gate.advised:
        gate.place.fault("`ask` is missing: what is somebody to decide?")
    timeout = read_seconds(gate, "timeout", "timeout_secs", Seconds)
    if timeout is None:
        timeout = gate.sent("timeout_secs", Seconds)
    on_timeout = gate.sent("on_timeout", GateSpec.__annotations__["on_timeout"])
    if on_timeout is not None and "timeout" not in gate and "timeout_secs" not in gate:
        gate.place.fault("`on_timeout`: without `timeout` nothing decides it", "on_timeout")
    return GateSpec(ask or "", timeout, on_timeout or "reject")
