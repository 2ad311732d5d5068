"""The nodes of a new task, as a program writes them down: no field is lost in silence."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from agentd import AsyncClient, Client
from agentd.api import NodeSpec
from tests.clients import each_client
from tests.fake_daemon import answers, fake_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import DaemonProcess

MISTAKES = {
    "payload": "payload_schema",
    "depends_on": "dependencies",
    "deps": "dependencies",
    "dependency": "dependencies",
    "ID": "id",
}


def refused(tmp_path: Path, opened: Any, nodes: list[Any]) -> str:
    """What is said of these nodes, of which the daemon never hears."""
    path = tmp_path / "s"
    with (
        fake_daemon(path, answers({})) as daemon,
        opened(path) as client,
        pytest.raises(TypeError) as caught,
    ):
        client.register_task("g", initial_nodes=nodes)
    assert daemon.accepted == 0
    return str(caught.value)


@each_client
def test_unknown_fields_of_nodes(tmp_path: Path, opened: Any) -> None:
    """All of them are told at once, each with the field that was meant, or where it belongs."""
    nodes = [{"payload": {"do": "it"}}, {}, {"depends_on": [], "prompt": "write it"}, "name"]
    assert refused(tmp_path, opened, nodes) == (
        "initial_nodes[0] has no field 'payload' (did you mean payload_schema?); "
        "initial_nodes[2] has no field 'depends_on' (did you mean dependencies?); "
        "initial_nodes[2] has no field 'prompt' (put it into payload_schema); "
        "initial_nodes[3] is no NodeSpec and no mapping: str. "
        "The fields of a node are id, dependencies, payload_schema, name, retry, lease_secs, "
        "timeout_secs, not_before, on_failure, requires, limits, priority, gate, locks"
    )


@each_client
@pytest.mark.parametrize("name", MISTAKES)
def test_the_field_that_was_meant(tmp_path: Path, opened: Any, name: str) -> None:
    """A name that is nearly one of a node's is told with that one."""
    assert f"did you mean {MISTAKES[name]}?" in refused(tmp_path, opened, [{name: []}])


@each_client
def test_many_unknown_fields(tmp_path: Path, opened: Any) -> None:
    """A message stays short, however many nodes are wrong."""
    told = refused(tmp_path, opened, [{"title": "x"}] * 1000)
    assert told.count("has no field") == 10
    assert re.search(r"; and 990 more\. The fields", told)


@each_client
def test_nodes_are_left_as_they_are(tmp_path: Path, opened: Any) -> None:
    """The caller's nodes are not changed by being sent."""
    spec, mapping = NodeSpec(dependencies=["a"], payload_schema={1: 2}), {"payload_schema": {1: 2}}  # type: ignore[arg-type]
    path = tmp_path / "s"
    with fake_daemon(path, answers({"task_id": "t", "node_ids": []})) as daemon, opened(path) as c:
        c.register_task("g", initial_nodes=[spec, mapping])
    assert (spec, mapping) == (
        NodeSpec(dependencies=["a"], payload_schema={1: 2}),  # type: ignore[arg-type]
        {"payload_schema": {1: 2}},
    )
    [request] = daemon.requests
    assert [node["payload_schema"] for node in request["params"]["initial_nodes"]] == [{"1": 2}] * 2


@each_client
def test_nodes_that_come_one_by_one(shared: DaemonProcess, opened: Any) -> None:
    """An iterator of nodes is as good as a list."""
    with opened(shared.socket_path) as client:
        task = client.register_task("g", initial_nodes=({} for _ in range(3)))
    assert len(task.node_ids) == 3


@each_client
def test_fields_that_are_none(shared: DaemonProcess, opened: Any) -> None:
    """They count as left out, as null does on the wire, the payload apart: None is one."""
    none: dict[str, Any] = dict.fromkeys(["id", "dependencies", "payload_schema"])
    with opened(shared.socket_path) as client:
        task = client.register_task("g", initial_nodes=[none, NodeSpec(**none)])
    assert len(task.node_ids) == 2


@each_client
def test_what_a_daemon_passed_over(tmp_path: Path, opened: Any) -> None:
    """It is told as a warning of the caller's line, for the task is registered all the same."""
    told = ["initial_nodes[0] has no field `limit`", "second"]
    answer = {"task_id": "t", "node_ids": ["n"], "warnings": told}
    with (
        fake_daemon(tmp_path / "s", answers(answer)),
        opened(tmp_path / "s") as client,
        pytest.warns(UserWarning, match="initial_nodes|second") as warned,
    ):
        task = client.register_task("g", initial_nodes=[{}])
    assert (task.task_id, task.warnings) == ("t", told)
    assert [str(each.message) for each in warned] == told


@each_client
def test_a_daemon_that_has_nothing_to_say(shared: DaemonProcess, opened: Any) -> None:
    """Then there is no warning: here they would be errors."""
    with opened(shared.socket_path) as client:
        assert not client.register_task("g", initial_nodes=[{}]).warnings


def test_whose_line_a_warning_names(tmp_path: Path) -> None:
    """The one that called the client."""

    async def ask() -> None:
        async with AsyncClient(tmp_path / "s") as client:
            await client.register_task("g")

    told = answers({"task_id": "t", "node_ids": [], "warnings": ["w"]})
    with fake_daemon(tmp_path / "s", told), Client(tmp_path / "s") as client:
        with pytest.warns(UserWarning, match="^w$") as blocking:
            client.register_task("g")
        with pytest.warns(UserWarning, match="^w$") as awaited:
            asyncio.run(ask())
    assert [each.filename for each in (*blocking, *awaited)] == [__file__, __file__]
