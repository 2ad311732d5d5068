"""Lines that nobody should send, and who says what they are: stdlib only, nothing of agentd's.

The rule this file keeps: whether a line is a request is judged here from the wire protocol alone.
The judge is strict where the protocol is: what it calls invalid has to be refused. What it calls a
request may still be refused for a reason that only the daemon knows.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    import random

LINE_LIMIT = 1_048_576
DEEP = 100_000


# The judge


class Invalid(Exception):
    """The line is not a request."""


TEXT, IDENTITY = "text", "identity"
NEEDED = {
    "DescribeInterface": {},
    "Health": {},
    "Metrics": {},
    "RegisterTask": {"goal": TEXT},
    "AcquireNextNode": {},
    "CommitEvent": {"task_id": IDENTITY, "node_id": IDENTITY},
    "HeartbeatNode": {"task_id": IDENTITY, "node_id": IDENTITY, "lease_id": IDENTITY},
    "CompleteNode": {"task_id": IDENTITY, "node_id": IDENTITY, "lease_id": IDENTITY},
    "FailNode": {"task_id": IDENTITY, "node_id": IDENTITY, "lease_id": IDENTITY},
    "TaskStatus": {"task_id": IDENTITY},
    "ListTasks": {},
    "TaskEvents": {"task_id": IDENTITY},
}
ALIASES = {
    "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]: name for name in NEEDED
}
NAMES = {**{name: name for name in NEEDED}, **ALIASES}
NAMES |= {"GetTaskStatus": "TaskStatus", "get_task_status": "TaskStatus"}


def _given(method: str, params: dict[str, object]) -> dict[str, str]:
    """What the params need not have, but have: the task of an AcquireNextNode."""
    named = method == "AcquireNextNode" and "task_id" in params
    return {"task_id": IDENTITY} if named else {}


def method_of(line: bytes) -> str:
    """Return the name of the method that the line calls; raise Invalid where it calls none."""
    if len(line) >= LINE_LIMIT:
        raise Invalid("too long")
    try:
        request = json.loads(
            line.decode(), parse_int=str, parse_float=str, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise Invalid("not JSON") from error
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        raise Invalid("not a request")
    method, params = NAMES.get(request["method"]), request.get("params")
    params = {} if params is None else params
    if method is None or not isinstance(params, dict):
        raise Invalid("no such method, or no params")
    for name, kind in (NEEDED[method] | _given(method, params)).items():
        if not isinstance(params.get(name), str) or (kind == IDENTITY and not _is_id(params[name])):
            raise Invalid(f"{name} is no {kind}")
    return method


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


# Good lines to begin with


class Held(NamedTuple):
    """What the holder of a lease knows."""

    task_id: str
    node_id: str
    lease_id: str


def good_line(chance: random.Random, held: list[Held]) -> bytes:
    """Return some request that makes sense."""
    holder = chance.choice(held)._asdict()
    task = {"task_id": holder["task_id"]}
    nodes = [{"id": str(uuid.UUID(int=chance.getrandbits(128)))} for _ in range(3)]
    nodes[2]["dependencies"] = [nodes[0]["id"], nodes[1]["id"]]  # type: ignore[assignment]
    payload = {"text": "größer \u2028 東京", "numbers": [0, -1.5e-7, 12345678901234567890]}
    method, params = chance.choice(
        [
            ("Health", {}),
            ("Metrics", {}),
            ("RegisterTask", {"goal": "g", "context": payload, "initial_nodes": nodes}),
            ("AcquireNextNode", {**task, "lease_owner": "somebody"}),
            ("CommitEvent", {**holder, "action_type": "NOTE", "payload": payload}),
            ("HeartbeatNode", holder),
            ("CompleteNode", {**holder, "result_payload": payload}),
            ("FailNode", {**holder, "error_payload": payload}),
            ("TaskStatus", task),
            ("ListTasks", {"prefix": "0A", "runnable": True, "limit": 3, "before": 99}),
            ("TaskEvents", {**task, "after": 0, "limit": 3}),
        ]
    )
    request = {"id": chance.randrange(1000), "method": method, "params": params}
    return json.dumps(request, ensure_ascii=chance.random() < 0.5).encode()


# And what becomes of them


def truncated(chance: random.Random, line: bytes) -> bytes:
    """Cut off somewhere."""
    return line[: chance.randrange(len(line))]


def flipped(chance: random.Random, line: bytes) -> bytes:
    """One to eight bits are the other way round."""
    changed = bytearray(line)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(line))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def put_in(chance: random.Random, line: bytes, what: bytes) -> bytes:
    """Something stands where it does not belong."""
    at = chance.randrange(len(line) + 1)
    return line[:at] + what + line[at:]


def with_strange_bytes(chance: random.Random, line: bytes) -> bytes:
    """NUL, BOM, bad UTF-8 and their like, in front or in the middle."""
    bad = [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"\xf5"]
    what = chance.choice([b"\0", b"\xef\xbb\xbf", b"\x1b", *bad])
    return what + line if chance.random() < 0.3 else put_in(chance, line, what)


def with_strange_text(chance: random.Random, line: bytes) -> bytes:
    """JSON's own traps: half a surrogate pair, NaN, comments, a second value."""
    what = chance.choice(
        [rb"\ud800", rb"\u0000", b"NaN", b"-Infinity", b"//", b",", b"{}", b'"', b"\\", b"\r", b"'"]
    )
    return put_in(chance, line, what)


def with_a_member_twice(chance: random.Random, line: bytes) -> bytes:
    """The same name again, with another value, before or behind the first."""
    name = chance.choice([b"id", b"method", b"params", b"goal", b"task_id", b"lease_id"])
    value = chance.choice([b"null", b"1", b'"Health"', b'"x"', b"{}", b"[]", b'{"goal":"twice"}'])
    member = b'"%b":%b' % (name, value)
    if chance.random() < 0.5:
        return b"{%b,%b" % (member, line[1:])
    return b"%b,%b%b" % (line[:-1], member, line[-1:])


def with_another_type(chance: random.Random, line: bytes) -> bytes:
    """A value of another type in the place of some member's."""
    request: dict[str, Any] = json.loads(line)
    place = chance.choice([request, request["params"]]) or request
    strange: list[Any] = [None, True, 0, -1, 1.5, "", "x", [], {}, [[]], {"": None}, "0" * 32, "\0"]
    place[chance.choice(list(place))] = chance.choice(strange)
    return json.dumps(request).encode()


def with_a_huge_number(chance: random.Random, line: bytes) -> bytes:
    """A number that fits no machine, as the id, or where a text or an id should stand."""
    digits = b"9" * chance.choice([20, 400, 5_000, 300_000, 1_000_000])
    number = chance.choice([b"%b", b"-%b", b"0.%b", b"1e%b", b"1e-%b"]) % digits
    member = chance.choice([b'"id":', b'"params":', b'"method":'])
    return b"%b,%b%b}" % (line[:-1], member, number)


def nested(chance: random.Random, line: bytes) -> bytes:
    """Arrays or objects, 100,000 deep, closed or not, as the id, the params, or on their own."""
    opened, closed = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    deep = opened * DEEP + b"0" + chance.choice([closed * DEEP, b""])
    member = chance.choice([b'"id":', b'"params":', b'"x":', b""])
    return b"%b,%b%b}" % (line[:-1], member, deep) if member else deep


def with_a_huge_text(chance: random.Random, line: bytes) -> bytes:
    """A text that fills the line, or is some bytes too long for it."""
    letter = chance.choice([b"x", rb"\n", "ü".encode(), rb"\u0007", b" "])
    member = chance.choice([b'"id":', b'"x":', b'"method":', b'"params":'])
    room = LINE_LIMIT - len(line) - len(member) - 3 + chance.randint(-40, 8)
    return b'%b,%b"%b"}' % (line[:-1], member, letter * (room // len(letter)))


SMALL = (
    truncated,
    flipped,
    with_strange_bytes,
    with_strange_text,
    with_a_member_twice,
    with_another_type,
)
LARGE = (with_a_huge_number, nested, with_a_huge_text)
LARGE_SHARE = 0.02


def mutated(chance: random.Random, line: bytes) -> bytes:
    """Return what has become of a good line: still one line, and not a blank one."""
    change = chance.choice(LARGE if chance.random() < LARGE_SHARE else SMALL)
    changed = change(chance, line).replace(b"\n", b" ")
    return changed if changed.strip() else b"x"
