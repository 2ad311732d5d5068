"""RegisterTask: a goal, a context and the nodes of a graph, all or nothing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.wire.steps import (
    NOT_ALLOWED,
    acquire,
    complete,
    new_id,
    refusal,
    register,
    status_of,
    totals,
)

if TYPE_CHECKING:
    from tests.daemon_process import Connection, Object, Refused

MANY = 10_000


def node(node_id: str | None = None, *dependencies: str) -> Object:
    """Return an entry of initial_nodes."""
    return {"id": node_id or new_id(), "dependencies": list(dependencies)}


def invalid_graph(connection: Connection, *nodes: Object) -> Refused:
    """Register nodes that are no graph, check the refusal, and that nothing was written."""
    before = totals(connection)
    refused = refusal(connection, "RegisterTask", goal="g", initial_nodes=nodes)
    assert (refused.code, refused.kind) == (NOT_ALLOWED, "invalid_graph")
    assert totals(connection) == before
    return refused


def registered(connection: Connection, **params: Any) -> Object:
    """Register a task with exactly these params and return its status."""
    task_id = connection.call("RegisterTask", **params)["task_id"]
    status: Object = connection.call("TaskStatus", task_id=task_id)
    return status


def test_one_boring_example(connection: Connection) -> None:
    """A task with two nodes is registered and can be read back."""
    first, second = new_id(), new_id()
    result = connection.call(
        "RegisterTask",
        goal="ship it",
        context={"repo": "r"},
        initial_nodes=[
            {"id": first, "payload_schema": {"type": "object"}},
            {"id": second, "dependencies": [first]},
        ],
    )
    assert result["node_ids"] == [first, second]
    status = connection.call("TaskStatus", task_id=result["task_id"])
    assert (status["task"]["goal"], status["task"]["context"]) == ("ship it", {"repo": "r"})
    assert [entry["dependencies"] for entry in status["nodes"]] == [[], [first]]
    assert [entry["payload_schema"] for entry in status["nodes"]] == [{"type": "object"}, {}]


def test_a_goal_is_enough(connection: Connection) -> None:
    """`context` defaults to {} and `initial_nodes` to []."""
    status = registered(connection, goal="g")
    assert (status["task"]["context"], status["nodes"], status["counts"]) == ({}, [], {})


def test_no_nodes_no_node_ids(connection: Connection) -> None:
    """A task without nodes has an empty list of node ids."""
    assert connection.call("RegisterTask", goal="g")["node_ids"] == []


def test_a_node_needs_nothing(connection: Connection) -> None:
    """A node's dependencies default to [] and its payload_schema to {}."""
    (entry,) = registered(connection, goal="g", initial_nodes=[{}])["nodes"]
    assert (entry["dependencies"], entry["payload_schema"]) == ([], {})


def test_the_daemon_chooses_ids(connection: Connection) -> None:
    """Ids that the client leaves out are UUIDs in lower case, all different."""
    result = connection.call("RegisterTask", goal="g", initial_nodes=[{}, {}, {}])
    ids = [result["task_id"], *result["node_ids"]]
    assert len(set(ids)) == 4
    assert [str(uuid.UUID(one)) for one in ids] == ids


def test_chosen_and_given_ids_in_the_order_given(connection: Connection) -> None:
    """`node_ids` comes in the order of `initial_nodes`, whoever chose the ids."""
    mine = new_id()
    result = connection.call("RegisterTask", goal="g", initial_nodes=[{}, {"id": mine}, {}])
    assert result["node_ids"][1] == mine
    status = connection.call("TaskStatus", task_id=result["task_id"])
    assert [entry["id"] for entry in status["nodes"]] == result["node_ids"]


@pytest.mark.parametrize("version", [1, 3, 4, 5, 7])
def test_any_uuid_version(connection: Connection, version: int) -> None:
    """A node id may be a UUID of any version."""
    text = f"{new_id()[:14]}{version}{new_id()[15:]}"
    result = connection.call("RegisterTask", goal="g", initial_nodes=[{"id": text}])
    assert result["node_ids"] == [text]


def test_upper_case_comes_back_lower(connection: Connection) -> None:
    """An id in upper case is the same id; on output it is lower case."""
    first, second = new_id(), new_id()
    nodes = [node(first.upper()), node(second.upper(), first.upper())]
    result = connection.call("RegisterTask", goal="g", initial_nodes=nodes)
    assert result["node_ids"] == [first, second]
    status = connection.call("TaskStatus", task_id=result["task_id"].upper())
    assert [entry["id"] for entry in status["nodes"]] == [first, second]
    assert status["nodes"][1]["dependencies"] == [first]


def test_case_does_not_matter_between_nodes(connection: Connection) -> None:
    """A dependency in upper case finds the node that was given in lower case."""
    first = new_id()
    status = registered(
        connection, goal="g", initial_nodes=[node(first), node(None, first.upper())]
    )
    assert status["nodes"][1]["dependencies"] == [first]


def test_a_dependency_may_come_later(connection: Connection) -> None:
    """A node may depend on one that stands behind it in the list."""
    task = register(connection, {"late": ["early"], "early": ()})
    assert acquire(connection, task)["node_id"] == task.nodes["early"]


def test_the_same_goal_twice_is_two_tasks(connection: Connection) -> None:
    """Two registrations are two tasks, whatever they have in common."""
    first = connection.call("RegisterTask", goal="g")["task_id"]
    assert connection.call("RegisterTask", goal="g")["task_id"] != first


def test_a_duplicate_in_the_request(connection: Connection) -> None:
    """A node id that the request has twice is refused and named."""
    twice = new_id()
    assert twice in invalid_graph(connection, node(twice), node(), node(twice)).message


def test_a_duplicate_in_another_case(connection: Connection) -> None:
    """The same id in upper and lower case is a duplicate."""
    twice = "ab" + new_id()[2:]
    invalid_graph(connection, node(twice), node(twice.upper()))


def test_a_duplicate_in_the_database(connection: Connection) -> None:
    """A node id that some task has already is refused and named."""
    there = register(connection).nodes["a"]
    assert there in invalid_graph(connection, node(), node(there)).message


def test_a_dependency_on_itself(connection: Connection) -> None:
    """A node that depends on itself is refused and named."""
    itself = new_id()
    assert itself in invalid_graph(connection, node(), node(itself, itself)).message


def test_an_unknown_dependency(connection: Connection) -> None:
    """A dependency that no node has is refused and named."""
    unknown = new_id()
    assert unknown in invalid_graph(connection, node(), node(None, unknown)).message


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_cycle_names_its_nodes(connection: Connection, length: int) -> None:
    """A cycle is refused, and the message names the nodes on it."""
    ids = [new_id() for _ in range(length)]
    ring = [node(ids[index], ids[index - 1]) for index in range(length)]
    message = invalid_graph(connection, node(), *ring).message
    assert all(one in message for one in ids)


def test_a_cycle_behind_other_nodes(connection: Connection) -> None:
    """A cycle is found among nodes that lead to it and follow from it."""
    before, first, second = new_id(), new_id(), new_id()
    nodes = [node(before), node(first, before, second), node(second, first), node(None, second)]
    message = invalid_graph(connection, *nodes).message
    assert first in message
    assert second in message


def test_ids_of_a_refused_request_are_free(connection: Connection) -> None:
    """All or nothing: the good nodes of a refused request can be registered afterwards."""
    good = node()
    invalid_graph(connection, good, node(None, new_id()))
    result = connection.call("RegisterTask", goal="g", initial_nodes=[good])
    assert result["node_ids"] == [good["id"]]


def test_a_duplicated_dependency_counts_once(connection: Connection) -> None:
    """A dependency that a list has twice is waited for once and shown once."""
    task = register(connection, {"a": (), "b": ["a", "a", "a"]})
    assert status_of(connection, task)["nodes"][1]["dependencies"] == [task.nodes["a"]]
    complete(connection, acquire(connection, task))
    assert acquire(connection, task)["node_id"] == task.nodes["b"]


def test_many_flat_nodes(connection: Connection) -> None:
    """10,000 nodes in one request are ordinary."""
    result = connection.call("RegisterTask", goal="g", initial_nodes=[{}] * MANY)
    assert len(set(result["node_ids"])) == MANY
    status = connection.call("TaskStatus", task_id=result["task_id"])
    assert status["counts"] == {"PENDING": MANY}


def test_a_long_chain(connection: Connection) -> None:
    """10,000 nodes that wait for one another in a row are ordinary too, last one first."""
    ids = [new_id() for _ in range(MANY)]
    chain = [node(ids[index], *ids[index - 1 : index]) for index in range(MANY)]
    result = connection.call("RegisterTask", goal="g", initial_nodes=chain[::-1])
    assert result["node_ids"] == ids[::-1]
    assert connection.call("AcquireNextNode", task_id=result["task_id"])["node_id"] == ids[0]


def test_a_wide_join(connection: Connection) -> None:
    """One node may wait for thousands of others."""
    ids = [new_id() for _ in range(5_000)]
    nodes = [node(None, *ids), *[{"id": one} for one in ids]]
    result = connection.call("RegisterTask", goal="g", initial_nodes=nodes)
    assert connection.call("AcquireNextNode", task_id=result["task_id"])["node_id"] == ids[0]
