"""A connection that is lost between commit and answer, and the request repeated with its id."""

from __future__ import annotations

import json
import socket
import struct
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess, Object, encoded
from tests.faults.chronicle import Chronicle
from tests.wire.steps import acquire, complete, flat, held, refusal, register, total_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.faults.laboratory import Laboratory

METHODS = (
    "RegisterTask",
    "AcquireNextNode",
    "CommitEvent",
    "HeartbeatNode",
    "CompleteNode",
    "FailNode",
    "ImportTask",
)
KILL_EVERY = 19
"""No multiple of the number of methods, so that each of them has its turn."""

LONGEST_MOMENT_SECONDS = 0.003
"""A commit takes a part of it: what breaks within it breaks before, during or after the commit."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: the kernel does not wait, it resets the connection."""


class Repeated(NamedTuple):
    """A request that was repeated, and the one answer it got."""

    method: str
    params: Object
    answer: Any


class Scene:
    """A daemon, and a client that loses its connection to it, again and again."""

    def __init__(self, daemon: DaemonProcess, chance: Random) -> None:
        self.daemon = daemon
        self.chance = chance
        self.connection = daemon.connect()
        self.restarts = 0

    def request(self, method: str) -> Object:
        """Params that will have an effect that no other request of the scene has."""
        params: Object = {"request_id": self.id()}
        if method == "RegisterTask":
            return {**params, "goal": self.id(), "initial_nodes": [{}, {"id": self.id()}]}
        if method == "ImportTask":
            nodes = [{"id": self.id()}, {}]
            return {**params, "goal": self.id(), "source": self.id(), "nodes": nodes}
        task = register(self.connection, flat(2))
        if method == "AcquireNextNode":
            return {**params, "task_id": task.id, "lease_owner": self.id()}
        params |= held(acquire(self.connection, task))
        if method != "HeartbeatNode":
            params["payload"] = {"payload": self.id()}
        return params

    def id(self) -> str:
        """A new id that chance makes again."""
        return str(uuid.UUID(int=self.chance.getrandbits(128)))

    def wait_for_commit(self, events_before: int) -> None:
        """Ask until something was recorded."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while total_events(self.connection) == events_before:
            assert time.monotonic() < deadline, "the request was never committed"

    def moment(self) -> None:
        """Let a moment pass in which the daemon may be anywhere in its work."""
        time.sleep(self.chance.random() * LONGEST_MOMENT_SECONDS)

    def restart(self) -> None:
        """Kill the daemon and start it again."""
        self.connection.close()
        self.daemon.kill()
        self.daemon.start()
        self.restarts += 1
        self.connection = self.daemon.connect()


# How an answer is lost. Each sends the line, and returns the answer if it was seen all the same.


def unread(scene: Scene, line: bytes) -> bytes | None:
    """The connection ends after the commit, with the answer in it."""
    before = total_events(scene.connection)
    with scene.daemon.connect() as lost:
        lost.send_raw(line)
        scene.wait_for_commit(before)
    return None


def forgotten(scene: Scene, line: bytes) -> bytes | None:
    """The client reads the answer and dies with it: the test remembers it."""
    with scene.daemon.connect() as lost:
        return lost.ask(line.rstrip())


def cut(scene: Scene, line: bytes) -> bytes | None:
    """The connection ends at any moment."""
    with scene.daemon.connect() as lost:
        lost.send_raw(line)
        scene.moment()
    return None


def reset(scene: Scene, line: bytes) -> bytes | None:
    """The connection is reset at any moment."""
    with closing(socket.socket(socket.AF_UNIX)) as lost:
        lost.connect(str(scene.daemon.socket_path))
        lost.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        lost.sendall(line)
        scene.moment()
    return None


def in_the_air(scene: Scene, line: bytes) -> bytes | None:
    """The repeat comes while the request is still on its way."""
    with scene.daemon.connect() as slow, scene.daemon.connect() as impatient:
        slow.send_raw(line)
        impatient.send_raw(line)
        answers = {slow.read_line(), impatient.read_line()}
    assert len(answers) == 1
    return answers.pop()


def killed(scene: Scene, line: bytes) -> bytes | None:
    """The daemon is killed at any moment, and started again."""
    with scene.daemon.connect() as lost:
        lost.send_raw(line)
        scene.moment()
        scene.restart()
    return None


LOSSES = (unread, forgotten, cut, reset, in_the_air)
SURE = (unread, forgotten, in_the_air)
"""After these the request is known to be committed."""


def overtake(scene: Scene, method: str, params: Object) -> None:
    """Do what makes a late repeat look wrong: the lease is over, the node taken, the task begun."""
    connection = scene.connection
    if method in ("CommitEvent", "HeartbeatNode"):
        complete(connection, params, scene.id())
    elif method == "AcquireNextNode":
        nodes = connection.call("TaskStatus", task_id=params["task_id"])["nodes"]
        ids = {"node_id": nodes[0]["id"], "lease_id": nodes[0]["lease_id"]}
        complete(connection, {"task_id": params["task_id"], **ids}, scene.id())
    elif "task_id" in params:
        connection.call("AcquireNextNode", task_id=params["task_id"])


def experiment(scene: Scene, method: str, lose: Callable[[Scene, bytes], bytes | None]) -> Repeated:
    """Send a request, lose the answer, repeat it twice; misuse its id at the end."""
    params = scene.request(method)
    line = encoded({"id": 1, "method": method, "params": params})
    seen = lose(scene, line + b"\n")
    if lose in SURE and scene.chance.random() < 0.5:
        overtake(scene, method, params)
    if lose in SURE and scene.chance.random() < 0.05:
        scene.restart()
    answers = {scene.connection.ask(line), scene.connection.ask(line)}
    assert len(answers | ({seen} if seen else set())) == 1, (method, lose, seen, answers)
    misuse(scene, method, params)
    return Repeated(method, params, json.loads(answers.pop())["result"])


def misuse(scene: Scene, method: str, params: Object) -> None:
    """Another request under the same id is refused."""
    other = {"goal": "x", "lease_owner": "x", "payload": "x", "lease_id": scene.id()}
    name = scene.chance.choice([name for name in other if name in params])
    wrong = {**params, name: other[name]}
    assert refusal(scene.connection, method, **wrong).kind == "request_id_reused"


def effects(chronicle: Chronicle, repeated: Repeated) -> list[Any]:
    """What the journal knows of the request: what it should be answered with, for each effect."""
    method, params, _answer = repeated
    if method in ("RegisterTask", "ImportTask"):
        return [task for task, goal in chronicle.goals.items() if goal == params["goal"]]
    if method == "AcquireNextNode":
        owner = params["lease_owner"]
        return [lease for lease, found in chronicle.leases.items() if found.owner == owner]
    if method == "HeartbeatNode":
        return [end // 1000 for end in chronicle.leases[params["lease_id"]].ends[1:]]
    payload = params["payload"]
    return [event for event, found in chronicle.written.items() if found.payload == payload]


ANSWERED_WITH = {
    "RegisterTask": "task_id",
    "ImportTask": "task_id",
    "AcquireNextNode": "lease_id",
    "HeartbeatNode": "lease_expires_at",
}


def test_a_repeat_has_one_effect_and_one_answer(lab: Laboratory, daemon: DaemonProcess) -> None:
    """However an answer is lost, its request repeated has one effect, and the answer shows it."""
    scene = Scene(daemon, lab.random)
    repeated = []
    for place in range(lab.amount(100, 1_000)):
        lose = killed if place % KILL_EVERY == 0 else lab.random.choice(LOSSES)
        repeated.append(experiment(scene, METHODS[place % len(METHODS)], lose))
    lab.count(lost=len(repeated), restarts=scene.restarts)
    chronicle = Chronicle(daemon.database)
    chronicle.read()
    assert chronicle.wrong == []
    for each in repeated:
        expected = each.answer[ANSWERED_WITH.get(each.method, "event_id")]
        assert effects(chronicle, each) == [expected], each
    scene.connection.close()
