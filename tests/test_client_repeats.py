"""A caller never has to guess: lost answers are asked for again, and nothing is done twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from agentd.errors import ConnectionLost, NobodyListens
from agentd.methods import METHODS, Method
from tests.clients import blocking, each_client
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.fake_daemon import (
    answers,
    fake_daemon,
    hangs_up,
    reads_and_hangs_up,
    refuses,
)
from tests.losing_answers import losing_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.daemon_process import DaemonProcess
    from tests.fake_daemon import Peer

LONGER = 3.0
"""A timeout in which a daemon that answers at once has answered, however busy the machine is."""

ID = str(uuid.UUID(int=7))
OK = {"event_id": ID}
OF_TASKS = {"CancelTask", "PauseTask", "ResumeTask", "SetBudget"}
ACQUIRING = {"AcquireNextNode", "AcquireNodes", "AcquireResourceLock"}
OF_GATES = {"DecideGate"}
OF_LIMITS = {"SetLimit", "CloseLimit", "UpdateNode"}
WITHOUT_A_REPEAT = {
    *("RegisterTask", "CommitEvent", "RetryNode", "AddNodes", "ForkTask", "ImportTask"),
    "ReleaseResourceLock",
    *(*ACQUIRING, *OF_TASKS, *OF_LIMITS, *OF_GATES),
}
"""What has a second effect, unless it carries a request_id."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where nothing listens yet."""
    return tmp_path / "s"


# Against a daemon


def hold(client: Any) -> None:
    """Do all that holds a task, each thing once."""
    task_id = client.register_task("other").task_id
    assert client.set_budget(task_id, {"usd": 1}).ok
    assert client.pause_task(task_id).ok
    assert client.resume_task(task_id).ok
    assert client.cancel_task(task_id).cancelled == [task_id]
    told = [event.action_type for event in client.task_events(task_id).events]
    assert told == ["REGISTER_TASK", "SET_BUDGET", "PAUSE_TASK", "RESUME_TASK", "CANCEL_TASK"]


def limit(client: Any) -> None:
    """Set and close a limit, and change the node that names it, each thing once."""
    nodes = [{"limits": ["api"], "requires": ["gpu"]}]
    task_id = client.register_task("fourth", initial_nodes=nodes).task_id
    assert client.set_limit("api", 1, rate={"count": 2, "per_secs": 60}).ok
    assert client.close_limit("api", for_secs=3600, reason="quota").ok
    (node_id,) = client.update_node(task_id, requires=[]).node_ids
    (shown,) = client.list_limits().limits
    assert (shown.name, shown.max_running, shown.waiting, shown.reason) == ("api", 1, 1, "quota")
    told = [cause.kind for cause in client.explain_node(task_id, node_id).reasons]
    assert told == [cause.kind for cause in client.explain_task(task_id).reasons]
    assert told == ["limit_closed"]
    kinds = ["SET_LIMIT", "CLOSE_LIMIT", "UPDATE_NODE"]
    page = client.watch_events(after_seq=0, kinds=kinds)
    assert [event.action_type for event in page.events] == kinds


def grow(client: Any) -> None:
    """Add a node to a task, once."""
    task_id = client.register_task("fifth").task_id
    (node_id,) = client.add_nodes(task_id, [{}]).node_ids
    assert [node.id for node in client.task_status(task_id).nodes] == [node_id]


def fork(client: Any) -> None:
    """Fork a task, once."""
    task_id = client.register_task("sixth", initial_nodes=[{}]).task_id
    forked = client.fork_task(task_id)
    assert [task.id for task in client.list_tasks(limit=2).tasks] == [forked.task_id, task_id]


def take_over(client: Any) -> None:
    """Import a task, once, in two pieces."""
    made = client.import_task("seventh", "elsewhere", [{"status": "COMPLETED"}], paused=True)
    events = [{"node_id": made.node_ids[0], "payload": 1}]
    client.add_nodes(made.task_id, [{"status": "FAILED"}], events=events)
    told = [event.action_type for event in client.task_events(made.task_id).events]
    assert told == ["IMPORT_TASK", "ADD_NODE", "ADD_NODE", "COMMIT_EVENT"]
    assert client.import_task("seventh", "elsewhere", []).existing


def gate(client: Any) -> None:
    """Decide a gate once."""
    nodes = [{"name": "ship", "gate": {"ask": "Ship it?", "timeout_secs": 99}}]
    task_id = client.register_task("fifth", initial_nodes=nodes).task_id
    (asked,) = client.list_gates(task_id=task_id).gates
    decided = client.decide_gate(task_id, asked.name, "reject", by="me", note="no")
    assert decided.status == "FAILED"
    (told,) = client.list_gates(open=False, limit=1, task_id=task_id).gates
    assert (told.decision, told.by, told.note) == ("reject", "me", "no")


def lock(client: Any) -> None:
    """Take a lock, keep it and give it back, each thing once."""
    held = client.acquire_resource_lock("file:/a/*.py", owner="me")
    assert client.heartbeat_resource_lock(held.resource_key, held.lease_id, ttl_secs=99).ok
    assert [each.owner for each in client.list_resource_locks().locks] == ["me"]
    assert client.release_resource_lock(held.resource_key, held.lease_id).ok
    page = client.watch_events(after_seq=0, kinds=["ACQUIRE_LOCK", "RELEASE_LOCK"])
    assert [event.action_type for event in page.events] == ["ACQUIRE_LOCK", "RELEASE_LOCK"]


def try_again(client: Any) -> None:
    """Give a node back, fail it and revive it, each once."""
    task_id = client.register_task("third", initial_nodes=[{}]).task_id
    for end in (client.release_node, client.fail_node):
        held = client.acquire_next_node(task_id)
        assert end(held.task_id, held.node_id, held.lease_id).event_id
    assert client.retry_node(task_id, held.node_id).node_ids == [held.node_id]
    shown = client.node_status(task_id, held.node_id)
    assert shown.node.status == "PENDING"
    assert [attempt.how for attempt in shown.attempts] == ["released", "failed"]


@each_client
def test_a_lost_answer_has_one_effect(daemon: DaemonProcess, opened: Any, path: Path) -> None:
    """Every answer is lost after the work was done; the caller gets it all the same."""
    with losing_answers(daemon, path) as lost, opened(path) as client:
        task_id = client.register_task("g", initial_nodes=[{}, {}]).task_id
        for acquire, end in (
            (client.acquire_next_node, client.complete_node),
            (lambda task_id: client.acquire_nodes(1, task_id).leases[0], client.fail_node),
        ):
            held = acquire(task_id)
            ids = held.task_id, held.node_id, held.lease_id
            seen = client.commit_event(*ids[:2], lease_id=ids[2], action_type="SAW")
            assert client.heartbeat_node(*ids).ok
            ended = end(*ids, "how")
            events = client.task_events(task_id).events
            assert [event.id for event in events][-2:] == [seen.event_id, ended.event_id]
        assert client.task_status(task_id).counts == {"COMPLETED": 1, "FAILED": 1}
        assert [task.id for task in client.list_tasks().tasks] == [task_id]
        assert client.watch_events(after_seq=0, limit=1).last_seq == 1
        assert client.list_workers().workers
        database = client.metrics().database
        for do_once in (hold, try_again, limit, grow, fork, take_over, gate, lock):
            do_once(client)
        client.health()
        client.describe_interface()
    assert database.total_tasks == 1
    again = 1  # a heartbeat may come twice
    assert database.total_events == len(["task", "node", "node"]) + 2 * len(events[3:7]) + again
    assert set(lost) == {method.name for method in METHODS}


@each_client
def test_a_daemon_that_was_killed_and_is_back(daemon: DaemonProcess, opened: Any) -> None:
    """A call that finds its daemon gone waits for the next one, and does its work once."""
    with opened(daemon.socket_path) as client:
        client.health()
        daemon.kill()
        starting = threading.Thread(target=daemon.start)
        starting.start()
        try:
            client.register_task("g")
        finally:
            starting.join()
        assert [task.goal for task in client.list_tasks().tasks] == ["g"]


def test_a_daemon_that_is_killed_before_it_answers(daemon: DaemonProcess) -> None:
    """What a stopped daemon was asked is asked of the next one."""
    with blocking(daemon.socket_path) as client:
        client.health()
        daemon.signal(signal.SIGSTOP)
        asking = threading.Thread(target=client.register_task, args=("g",))
        asking.start()
        daemon.kill()
        daemon.start()
        asking.join()
        assert [task.goal for task in client.list_tasks().tasks] == ["g"]


# What is repeated


@each_client
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_is_repeated(path: Path, opened: Any, method: Method) -> None:
    """A plain call is repeated where it has no second effect, and with a request_id."""
    for name in (method.name, *method.aliases):
        with fake_daemon(path, reads_and_hangs_up, answers(1)) as daemon, opened(path) as client:
            if method.name in WITHOUT_A_REPEAT:
                with pytest.raises(ConnectionLost, match="unknown: repeat it"):
                    client.call(name, {"x": 1, "request_id": None})
                assert daemon.methods == [name]
                assert client.call(name, {"request_id": ID}) == 1
            else:
                assert client.call(name, {"x": 1}) == 1
                assert daemon.methods == [name] * 2
        path.unlink()


@each_client
def test_the_same_request_is_sent_again(path: Path, opened: Any) -> None:
    """A repeat is known to the daemon: by the request_id of the caller, or by one made for it."""
    calls: tuple[tuple[bool, Callable[[Any], Any]], ...] = (
        (False, lambda client: client.register_task("g")),
        (True, lambda client: client.register_task("g", request_id=ID)),
        (False, lambda client: client.commit_event(ID, ID, payload={"x": 1})),
        (True, lambda client: client.acquire_next_node(ID, request_id=uuid.UUID(ID))),
    )
    for chosen, ask in calls:
        script = refuses(-32000, "no", {})
        with fake_daemon(path, reads_and_hangs_up, reads_and_hangs_up, script) as daemon:
            with opened(path) as client, pytest.raises(Exception, match=r"^no$"):
                ask(client)
            first, *others = daemon.requests
            assert others == [first, first]
            sent = str(uuid.UUID(first["params"]["request_id"]))
            assert (sent == ID) == chosen
        path.unlink()


def test_two_requests_are_not_one(path: Path) -> None:
    """Each request of the caller's has an id of its own."""
    with fake_daemon(path, answers(OK)) as daemon, blocking(path) as client:
        for _ in range(3):
            client.commit_event(ID, ID)
    assert len({request["params"]["request_id"] for request in daemon.requests}) == 3


# Connections that have gone


def once(peer: Peer) -> None:
    """Answer once, and close when the test says so."""
    peer.read()
    peer.answer(1)
    peer.read_on.wait()


@each_client
def test_a_connection_that_went_stale(path: Path, opened: Any) -> None:
    """A connection that was closed while it was idle costs the next call nothing."""
    with fake_daemon(path, once, answers(2)) as daemon, opened(path) as client:
        assert client.call("Health") == 1
        daemon.read_on.set()
        daemon.closed.wait()
        assert client.call("Health") == 2


def test_a_stale_connection_has_taken_nothing(path: Path) -> None:
    """What a closed connection never took is sent again, repeatable or not."""
    with fake_daemon(path, once, answers(2)) as daemon, blocking(path) as client:
        assert client.call("Health") == 1
        daemon.read_on.set()
        daemon.closed.wait()
        assert client.call("RegisterTask", {"goal": "g"}) == 2
    assert daemon.methods == ["Health", "RegisterTask"]


def test_what_was_sent_at_last_is_not_sent_again(path: Path) -> None:
    """A stale connection makes no command repeatable that may have been taken after it."""
    with (
        fake_daemon(path, once, reads_and_hangs_up, answers(2)) as daemon,
        blocking(path) as client,
    ):
        client.call("Health")
        daemon.read_on.set()
        daemon.closed.wait()
        with pytest.raises(ConnectionLost, match="unknown: repeat it"):
            client.call("RegisterTask", {"goal": "g"})
    assert daemon.methods == ["Health", "RegisterTask"]


@each_client
@pytest.mark.parametrize("script", [hangs_up, reads_and_hangs_up])
def test_a_daemon_that_never_answers(path: Path, opened: Any, script: Any) -> None:
    """A connection that is lost again and again is given up when the time is over."""
    with fake_daemon(path, script) as daemon, opened(path, LONGER) as client:
        began = time.monotonic()
        with pytest.raises(ConnectionLost, match=r"No daemon came back within 3 s"):
            client.health()
        assert LONGER - 0.01 <= time.monotonic() - began < LONGER + 5
    assert 2 <= daemon.accepted <= 19, "it waits longer and longer between two attempts"


def test_what_may_have_been_taken_stays_unknown(path: Path) -> None:
    """What a stale connection did not take, a later one may have: the error says so."""
    with fake_daemon(path, once, reads_and_hangs_up) as daemon, blocking(path, LONGER) as client:
        client.call("Health")
        daemon.read_on.set()
        daemon.closed.wait()
        with pytest.raises(ConnectionLost, match="unknown") as caught:
            client.heartbeat_node(ID, ID, ID)
    assert type(caught.value) is ConnectionLost


@each_client
def test_a_daemon_that_never_comes_back(path: Path, opened: Any) -> None:
    """A daemon that was there and is gone is waited for as long as the call may take."""

    def dies(peer: Peer) -> None:
        peer.read()
        path.unlink()

    told = rf"{path} broke: .* within 3 s"
    with (
        fake_daemon(path, dies),
        opened(path, LONGER) as client,
        pytest.raises(ConnectionLost, match=told),
    ):
        client.health()


@each_client
def test_a_daemon_that_never_was_there(path: Path, opened: Any) -> None:
    """A call that finds no daemon to begin with says so at once."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with opened(path, 30) as client:
        began = time.monotonic()
        with pytest.raises(NobodyListens):
            client.health()
        assert time.monotonic() - began < 5


# Calls that are interrupted


@each_client
def test_an_interrupted_call_leaves_no_answer_behind(path: Path, opened: Any) -> None:
    """Ctrl-C in the middle of a call: its answer, when it comes, is nobody's."""

    def interrupts(peer: Peer) -> None:
        peer.read()
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
        peer.read_on.wait()
        peer.answer("late")
        peer.read()
        peer.answer("in time")

    with fake_daemon(path, interrupts, answers("in time")) as daemon, opened(path) as client:
        with pytest.raises(KeyboardInterrupt):
            client.call("Health")
        daemon.read_on.set()
        assert client.call("Health") == "in time"


_FORKS = """
import os, sys
from agentd import Client
client = Client(sys.argv[1])
client.health()
child = os.fork() == 0
task_id = client.register_task("child" if child else "parent").task_id
for _ in range(300):
    assert client.task_status(task_id).task.id == task_id
client.close()
if child:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_fork_shares_no_connection(shared: DaemonProcess) -> None:
    """Parent and child use one client, and each gets its own answers."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORKS, str(shared.socket_path)],
        cwd=REPOSITORY,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
