"""What a fuzzer feeds: bytes in, answers or refusals out, and nothing else.

The rule this file keeps: a target raises only where agentd is wrong, so whatever drives it, a
coverage-guided fuzzer or chance, need know nothing of it. The same bytes do the same every time.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from agentd.decoding import decode
from agentd.errors import RequestRefused
from agentd.methods import BY_NAME
from agentd.protocol import RejectedLine, Request, RequestParser, encode_error, encode_result
from agentd.replay import check
from agentd.store.memory import MemoryStore
from agentd.transact import Call
from tests.core import Core, spec, uid
from tests.daemon_process import Object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST = 4_096
"""Bytes of an input: all that matters happens in a few lines."""

_MILLISECONDS = re.compile(rb"@(\d{1,9})")


def stream(data: bytes) -> None:
    """A stream is cut into the same requests however it arrives, and each can be answered."""
    size = 1 + data[0] % 7 if data else 1
    assert said([data]) == said(data[at : at + size] for at in range(0, len(data), size))


def said(chunks: Iterable[bytes]) -> list[bytes]:
    """Return an answer to everything that the chunks say."""
    requests = RequestParser()
    found = [message for chunk in chunks for message in requests.feed(chunk)]
    answers = [shown(message) for message in found + requests.end()]
    for answer in answers:
        read(answer)
    return answers


def shown(message: Request | RejectedLine) -> bytes:
    """Return a response that shows the message."""
    if isinstance(message, RejectedLine):
        return encode_error(message.id, message.error)
    return encode_result(message.id, [message.method, message.params])


def read(answer: bytes) -> Object:
    """Return the response, which has to be one line of JSON with exactly one of its two keys."""
    assert answer.count(b"\n") == 1, answer
    response: Object = json.loads(answer, parse_int=str)
    assert ("result" in response) != ("error" in response), answer
    return response


def decisions(data: bytes) -> None:
    """Each line is refused in words and leaves nothing behind, or is decided; all can be replayed.

    The lines meet a task of four nodes, one of which is held. The line `@` and a number lets so
    many milliseconds pass.
    """
    core = prepared()
    for line in data.split(b"\n"):
        if passed := _MILLISECONDS.fullmatch(line):
            core.now += int(passed[1])
        for message in RequestParser().feed(line + b"\n"):
            records = len(core.journal())
            response = read(answered(core, message))
            assert "result" in response or len(core.journal()) == records, response
    assert not core.faults
    assert not list(check(core.store, lambda _seq: None))


def answered(core: Core, message: Request | RejectedLine) -> bytes:
    """Return the response that a daemon would send."""
    if isinstance(message, RejectedLine):
        return encode_error(message.id, message.error)
    try:
        return encode_result(message.id, outcome(core, message))
    except RequestRefused as refusal:
        return encode_error(message.id, refusal)


def outcome(core: Core, message: Request) -> object:
    """Return the result of a request. Raises its refusal."""
    method, params = decode(message)
    if method.query is not None:
        with core.store.read() as reader:
            return method.query(reader, params, core.context())
    assert method.command is not None
    [found] = core.run([Call(method.command, params)])
    if found.refusal is not None:
        raise found.refusal
    return found.result


def prepared() -> Core:
    """A core with the task uid(1_000_001): of uid(1) to uid(4) the first is held."""
    core = Core(MemoryStore(), event_limit=3)
    core.hold(core.register(spec(1), spec(2, 1), spec(3, 1), spec(4)))
    return core


TARGETS: dict[str, Callable[[bytes], None]] = {"stream": stream, "decisions": decisions}


# What a fuzzer begins with, and the words that it would take long to find

_HELD = {"task_id": uid(1_000_001), "node_id": uid(1), "lease_id": ""}


def seeds() -> list[bytes]:
    """Return inputs that go some way into each method."""
    held = {**_HELD, "lease_id": lease_id()}
    task = {"task_id": held["task_id"]}
    new = [{"id": uid(9), "dependencies": [uid(8)]}, {"id": uid(8), "payload_schema": [1.50]}]
    calls: list[tuple[str, object]] = [
        ("Health", {}),
        ("Metrics", {}),
        ("RegisterTask", {"goal": "g", "context": {"a": "\u00e9"}, "initial_nodes": new}),
        ("ImportTask", {"goal": "g", "source": "s", "nodes": [{"name": "a", "status": "FAILED"}]}),
        ("AcquireNextNode", {**task, "lease_owner": "w"}),
        ("AcquireNextNode", {**task, "request_id": uid(7)}),
        ("CommitEvent", {**held, "action_type": "NOTE", "payload": None}),
        ("HeartbeatNode", held),
        ("CompleteNode", {**held, "result_payload": {"b": []}}),
        ("FailNode", {**held, "payload": 1e9}),
        ("TaskStatus", task),
        ("ListTasks", {"prefix": "0", "runnable": True, "limit": 2}),
        ("TaskEvents", {**task, "after": 1, "limit": 2}),
        ("CancelTask", {**task, "reason": "r"}),
        ("PauseTask", {**task, "by": "b"}),
        ("ResumeTask", task),
        ("SetBudget", {**task, "budget": {"usd": 0.5}}),
        ("CommitEvent", {**held, "usage": {"usd": 1, "t": 0.25}}),
        ("ListTasks", {"state": "PAUSED", "label": {"a": "b"}, "since": "2026-01-31T12:00:00Z"}),
    ]
    lines = [line(*call) for call in calls]
    pairs = [b"\n".join([one, b"@299999", other]) for one in lines for other in lines[3:]]
    return [*lines, *pairs, b"\n@300001\n".join(lines), b'{"id":"x"}', b"[]", b"\r\n\n{"]


def line(method: str, params: object) -> bytes:
    """Return a request."""
    return json.dumps({"id": 1, "method": method, "params": params}).encode()


def lease_id() -> str:
    """Return the lease of the node that is held."""
    found: str = prepared().node(_HELD["task_id"], uid(1))["lease_id"]
    return found


def words() -> list[str]:
    """Return what requests are made of."""
    names = (
        "id method params goal context initial_nodes dependencies payload_schema task_id node_id"
    )
    names += " lease_id lease_owner action_type payload event_payload result_payload error_payload"
    ids = [lease_id(), *(uid(number) for number in (1, 2, 3, 4, 8, 9, 1_000_001))]
    return [*names.split(), "request_id", *BY_NAME, *ids]
