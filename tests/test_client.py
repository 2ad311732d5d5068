"""Every method of both clients against a real daemon, and what they find by themselves."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import agentd
from agentd import AsyncClient, Client, api
from agentd.client.requests import (
    control,
    daemon,
    endings,
    events,
    explain,
    forks,
    gates,
    growth,
    imports,
    leases,
    limits,
    locks,
    nodes,
    registration,
    retries,
    tasks,
    updates,
    workers,
)
from agentd.errors import BadSetting, NoSocket
from agentd.methods import METHODS, Method
from tests.clients import blocking, each_client
from tests.fake_daemon import answers, fake_daemon

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.daemon_process import DaemonProcess

REQUESTS = (
    *(control, daemon, endings, events, explain, forks, gates, growth, imports, leases, limits),
    *(locks, nodes, registration),
    *(retries, tasks, updates, workers),
)
NODE = {"payload_schema": {"name": "a"}}
HEARTBEAT_FORMS = (api.HeartbeatNodeResult, api.HeartbeatNodesResult)


def snake(method: str) -> str:
    """The name of a method in Python."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)[1:]


def registered(client: Any, *nodes: Any) -> str:
    """A task of the test's own."""
    task_id: str = client.register_task("g", initial_nodes=nodes or (NODE,)).task_id
    return task_id


def acquired(client: Any) -> Any:
    """A node that is held."""
    return client.acquire_next_node(registered(client), lease_owner="me")


def ids(held: Any) -> tuple[str, str, str]:
    """What a holder sends with every write."""
    return held.task_id, held.node_id, held.lease_id


def committed(client: Any, held: Any) -> Any:
    """An event about a node that is held."""
    task_id, node_id, lease_id = ids(held)
    return client.commit_event(task_id, node_id, lease_id=lease_id, action_type="SAW", payload=1)


def failed(client: Any) -> str:
    """A task whose node "a" failed."""
    task_id = registered(client, {"name": "a", "retry": {"max_attempts": 2}})
    held = client.acquire_next_node(task_id, node_id="a", lease_secs=9)
    ended = client.fail_node(*ids(held), "why", kind="k", retry_after_secs=0.0)
    assert (ended.status, ended.attempt) == ("PENDING", 1)
    client.fail_node(*ids(client.acquire_next_node(task_id)), retryable=False)
    return task_id


def limited(client: Any) -> str:
    """The name of a limit that a node names."""
    registered(client, {"limits": ["brief"]})
    return "brief"


def gated(client: Any) -> str:
    """A task with a gate "ship" that is open."""
    return registered(client, {"name": "ship", "gate": {"ask": "Ship it?"}})


def locked(client: Any) -> tuple[str, str]:
    """A lock that is held."""
    held = client.acquire_resource_lock("dir:/b", mode="shared", ttl_secs=9)
    return held.resource_key, held.lease_id


EXAMPLES: Mapping[str, Callable[[Any], Any]] = {
    "DescribeInterface": lambda client: client.describe_interface(),
    "Health": lambda client: client.health(),
    "Metrics": lambda client: client.metrics(),
    "RegisterTask": lambda client: client.register_task("g", context=[1], initial_nodes=[NODE]),
    "AcquireNextNode": lambda client: client.acquire_next_node(registered(client)),
    "CommitEvent": lambda client: committed(client, acquired(client)),
    "HeartbeatNode": lambda client: client.heartbeat_node(*ids(acquired(client))),
    "CompleteNode": lambda client: client.complete_node(*ids(acquired(client)), {"done": 1}),
    "FailNode": lambda client: client.fail_node(*ids(acquired(client)), "why"),
    "TaskStatus": lambda client: client.task_status(registered(client)),
    "ListTasks": lambda client: client.list_tasks(limit=1),
    "TaskEvents": lambda client: client.task_events(registered(client), limit=1),
    "ReleaseNode": lambda client: client.release_node(*ids(acquired(client)), reason="r"),
    "RetryNode": lambda client: client.retry_node(failed(client), failed=True),
    "NodeStatus": lambda client: client.node_status(failed(client), "a"),
    "CancelTask": lambda client: client.cancel_task(registered(client), reason="why", by="me"),
    "PauseTask": lambda client: client.pause_task(registered(client), reason="why"),
    "ResumeTask": lambda client: client.resume_task(registered(client), by="me"),
    "SetBudget": lambda client: client.set_budget(registered(client), {"usd": 1.5}),
    "AcquireNodes": lambda client: client.acquire_nodes(2, registered(client, NODE, NODE)),
    "WatchEvents": lambda client: client.watch_events(after_seq=0, limit=1),
    "ListWorkers": lambda client: client.list_workers(),
    "UpdateNode": lambda client: client.update_node(registered(client), priority=9),
    "SetLimit": lambda client: client.set_limit("api", 4, rate={"count": 9, "per_secs": 1.5}),
    "CloseLimit": lambda client: client.close_limit(limited(client), for_secs=9, reason="quota"),
    "ListLimits": lambda client: client.list_limits(limit=1),
    "ExplainNode": lambda client: client.explain_node(failed(client), "a"),
    "ExplainTask": lambda client: client.explain_task(registered(client)),
    "AddNodes": lambda client: client.add_nodes(registered(client), [{"name": "more"}]),
    "ForkTask": lambda client: client.fork_task(registered(client), failed=True),
    "ImportTask": lambda client: client.import_task("g", "there", [NODE]),
    "ListGates": lambda client: client.list_gates(task_id=gated(client)),
    "DecideGate": lambda client: client.decide_gate(gated(client), "ship", "approve", by="me"),
    "AcquireResourceLock": lambda client: client.acquire_resource_lock("file:/a", metadata=[1]),
    "HeartbeatResourceLock": lambda client: client.heartbeat_resource_lock(*locked(client)),
    "ReleaseResourceLock": lambda client: client.release_resource_lock(*locked(client)),
    "ListResourceLocks": lambda client: client.list_resource_locks(limit=1),
}

each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


# The methods


@each_client
@each_method
def test_a_method_answers_with_its_struct(
    shared: DaemonProcess, opened: Any, method: Method
) -> None:
    """Every method of the API is a method of both clients, and answers with its Struct."""
    with opened(shared.socket_path) as client:
        answer = EXAMPLES[method.name](client)
    # What the daemon encodes from its Struct is what the client decodes into it.
    forms = getattr(method.result, "__args__", (method.result,))
    assert type(answer) in {"HeartbeatNode": HEARTBEAT_FORMS}.get(method.name, forms)


@each_method
def test_both_clients_agree(method: Method) -> None:
    """Both clients have every method, with one signature and one docstring."""
    name = snake(method.name)
    (build,) = (getattr(room, name) for room in REQUESTS if hasattr(room, name))
    here, there = getattr(Client, name), getattr(AsyncClient, name)
    assert here.__name__ == there.__name__ == name
    assert here.__doc__ == there.__doc__ == build.__doc__
    assert inspect.signature(here) == inspect.signature(there)
    _this, *taken = inspect.signature(here).parameters.values()
    assert taken == list(inspect.signature(build).parameters.values())
    assert inspect.cleandoc(here.__doc__).endswith(".")  # whether or not this Python keeps indents
    assert inspect.iscoroutinefunction(there)


@each_method
def test_every_parameter_of_the_wire_can_be_given(method: Method) -> None:
    """What a method takes on the wire, its Python method takes, under the wire's preferred name."""
    given = set(inspect.signature(getattr(Client, snake(method.name))).parameters) - {"self"}
    fields = set(method.params.__struct_fields__)
    aliases = {
        "CommitEvent": {"event_payload"},
        "CompleteNode": {"payload"},
        "HeartbeatNode": {"leases"},  # which `heartbeat_nodes` takes
    }
    fields -= aliases.get(method.name, {"payload"})
    if "request_id" not in given:  # what needs none to be repeated
        fields -= {"request_id"}
    assert given == fields


@each_client
def test_what_a_worker_does(shared: DaemonProcess, opened: Any) -> None:
    """Register, acquire, commit, heartbeat, complete: payloads come back as they went in."""
    with opened(shared.socket_path) as client:
        first, second = uuid.uuid4(), uuid.uuid4()
        nodes = [
            api.NodeSpec(id=str(first), payload_schema=msgspec.Raw(b'{"n":1.50}')),
            {"id": second, "dependencies": (first,), "payload_schema": {"name": "b"}},
        ]
        made = client.register_task("g", context={"z": 1, "a": "\u00f6"}, initial_nodes=nodes)
        assert made.node_ids == [str(first), str(second)]
        held = client.acquire_next_node(uuid.UUID(made.task_id), lease_owner="me")
        assert (held.node_id, held.lease_owner) == (str(first), "me")
        assert bytes(held.context.node.payload_schema) == b'{"n":1.50}'
        assert bytes(held.context.task.context) == '{"z":1,"a":"\u00f6"}'.encode()
        committed(client, held)
        assert client.heartbeat_node(*ids(held)).ok
        client.complete_node(*map(uuid.UUID, ids(held)), result_payload={"r": [1]})
        held = client.acquire_next_node(made.task_id)
        assert held.lease_owner == "anonymous"
        (done,) = held.context.completed_dependencies
        assert (done.node_id, bytes(done.result_payload)) == (str(first), b'{"r":[1]}')
        client.fail_node(*ids(held), "no")
        assert client.acquire_next_node(made.task_id) is None
        assert client.task_status(made.task_id).counts == {"COMPLETED": 1, "FAILED": 1}
        assert [event.action_type for event in client.task_events(made.task_id).events][3:] == [
            "ACQUIRE_NODE",
            "SAW",
            "COMPLETE_NODE",
            "ACQUIRE_NODE",
            "FAIL_NODE",
        ]
        assert made.task_id in [task.id for task in client.list_tasks(prefix=made.task_id).tasks]


@each_client
def test_a_node_of_the_caller_is_left_as_it_is(shared: DaemonProcess, opened: Any) -> None:
    """Registering reads the caller's nodes and changes none of them."""
    node_id = str(uuid.uuid4()).upper()
    spec, mapping = api.NodeSpec(id=node_id), {"dependencies": [node_id]}
    with opened(shared.socket_path) as client:
        client.register_task("g", initial_nodes=(spec, mapping))
    assert spec.id == node_id
    assert mapping == {"dependencies": [node_id]}


@each_client
def test_any_method_by_its_name(shared: DaemonProcess, opened: Any) -> None:
    """`call` sends plain values and answers with plain values, aliases and Structs included."""
    with opened(shared.socket_path) as client:
        task_id = client.call("register_task", {"goal": "g"})["task_id"]
        assert client.call("GetTaskStatus", {"task_id": task_id})["counts"] == {}
        assert client.call("TaskStatus", api.TaskStatusParams(task_id))["task"]["goal"] == "g"
        assert client.call("Health")["status"] == "ok"


@each_client
def test_the_result_as_the_daemon_wrote_it(shared: DaemonProcess, opened: Any) -> None:
    """`raw_call` leaves the result's JSON alone."""
    with opened(shared.socket_path) as client:
        task_id = client.register_task("g", context=msgspec.Raw(b"1.50")).task_id
        raw = client.raw_call("TaskStatus", {"task_id": task_id})
        assert b'"context":1.50,' in raw


def test_one_line_as_it_is(shared: DaemonProcess) -> None:
    """`exchange` sends a line and returns the line that answers it."""
    with blocking(shared.socket_path) as client:
        assert client.exchange(b'{"id":7,"method":"Health"}').startswith(b'{"id":7,"result":{')


@each_client
def test_an_id_of_the_daemon_is_not_doubted(tmp_path: Path, opened: Any) -> None:
    """Ids of results are described as UUIDs, and taken as they are: to match them costs time."""
    path = tmp_path / "s"
    with fake_daemon(path, answers({"event_id": "e"})), opened(path) as client:
        assert client.fail_node("t", "n", "l").event_id == "e"
    schema = msgspec.json.schema(api.EventResult)["$defs"]["EventResult"]["properties"]
    assert schema["event_id"] == msgspec.json.schema(api.types.Id)


# Where the daemon is


def test_the_socket_is_found_as_the_daemon_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AGENTD_SOCKET_PATH wins over AGENTD_HOME, the environment over the env file."""
    for name in ("AGENTD_SOCKET_PATH", "AGENTD_HOME", "AGENTD_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Client().socket_path == tmp_path / ".agentd/agentd.sock"
    file = tmp_path / "env"
    file.write_text(f"AGENTD_SOCKET_PATH={tmp_path}/from-file.sock\n")
    monkeypatch.setenv("AGENTD_HOME", str(tmp_path / "h"))
    assert Client().socket_path == tmp_path / "h/agentd.sock"
    monkeypatch.setenv("AGENTD_ENV_FILE", str(file))
    assert Client().socket_path == AsyncClient().socket_path == tmp_path / "from-file.sock"
    monkeypatch.setenv("AGENTD_SOCKET_PATH", "~/mine.sock")
    assert Client().socket_path == AsyncClient().socket_path == tmp_path / "mine.sock"
    assert Client(tmp_path / "given").socket_path == tmp_path / "given"
    assert str(Client("given").socket_path) == "given"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_bad_setting(
    kind: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that does not parse is an error at once, not a default in silence."""
    monkeypatch.setenv("AGENTD_ENV_FILE", str(tmp_path / "missing"))
    with pytest.raises(BadSetting, match="AGENTD_ENV_FILE"):
        kind()


def test_it_is_offered_by_the_package() -> None:
    """`from agentd import Client` works, and what is not offered is said so."""
    assert agentd.Client is Client
    assert agentd.AsyncClient is AsyncClient
    with pytest.raises(AttributeError, match="nothing"):
        _ = agentd.nothing


def test_a_client_connects_at_its_first_call(tmp_path: Path) -> None:
    """A client may be made before its daemon is there."""
    with Client(tmp_path / "s") as client:
        with pytest.raises(NoSocket):
            client.health()
        with fake_daemon(tmp_path / "s", answers(7)):
            assert client.call("Health") == 7


def test_an_event_loop_after_the_other(shared: DaemonProcess) -> None:
    """One `AsyncClient` serves one event loop after the other, closed in between."""
    client = AsyncClient(shared.socket_path)

    async def once() -> str:
        async with client:
            return (await client.health()).status

    assert [asyncio.run(once()), asyncio.run(once())] == ["ok", "ok"]
