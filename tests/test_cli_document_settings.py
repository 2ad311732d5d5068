"""A task file says how its nodes are handed out, and what becomes of them when they fail."""

import pytest

from agentd.api import NodeDefaults, RetrySpec
from agentd.cli.documents.document import read_document
from agentd.cli.documents.faults import BadDocument
from tests.daemon_process import REPOSITORY
from tests.documents import blocks, text

PAGE = REPOSITORY / "docs" / "attempts.md"

WRONG = {
    "priority: 101": "`priority`: Expected `int` <= 100",
    "lease_secs: soon": "`lease_secs`: Expected `int | null`, got `str`",
    "retry: {max_attempts: 0}": "`retry`: Expected `int` >= 1 - at `$.max_attempts`",
    "retry: {attempts: 2}": "`retry`: Object contains unknown field `attempts`",
    "not_before: soon": "`not_before`: 'soon' is no moment",
    "on_failure: go on": "`on_failure`: Invalid enum value 'go on'",
}


def test_the_example_of_the_page() -> None:
    """What docs/attempts.md shows is understood as it says."""
    [written] = blocks(text(PAGE), "yaml")
    document = read_document(written.encode(), "f")
    assert document.node_defaults == NodeDefaults(retry=RetrySpec(max_attempts=5), lease_secs=60)
    build, announce, lint = document.nodes
    assert (build.name, build.priority, build.timeout_secs) == ("build", 10, 900)
    assert (announce.dependencies, announce.not_before) == ([build.id], "2026-02-01T09:00:00Z")
    assert lint.on_failure == "continue"


def test_the_priority_of_a_task() -> None:
    """It is that of the nodes which say nothing."""
    document = read_document(b"goal: g\npriority: 7\nnodes: [{name: a}]\n", "f")
    assert (document.priority, document.nodes[0].priority) == (7, None)


def test_a_name_that_the_daemon_does_not_take() -> None:
    """It stays in the payload, as ever, and other nodes depend on it by that."""
    long = "n" * 129
    written = f"goal: g\nnodes: [{{name: {long}}}, {{name: b, dependencies: [{long}]}}]\n"
    first, second = read_document(written.encode(), "f").nodes
    assert (first.name, second.name, second.dependencies) == (None, "b", [first.id])
    assert bytes(first.payload_schema).decode() == f'{{"name":"{long}"}}'  # type: ignore[arg-type]


DEFAULTS = """goal: g
requires: [gpu]
limits: [api]
node_defaults:
  limit: [api]
  labels: gpu
  name: n
  priority: 3
  retry: {max_attempts: 0}
  not_before: soon
nodes: [{name: a, labels: [gpu]}]
"""

ADVICE = [
    "line 2: there is no field `requires`: put it under `node_defaults`, or under a node",
    "line 3: there is no field `limits`: put it under `node_defaults`, or under a node",
    "line 5, `node_defaults`: there is no field `limit`: did you mean `limits`?",
    "line 6, `node_defaults`: there is no field `labels`: did you mean `requires`?",
    "line 7, `node_defaults`: there is no field `name`: put it under `nodes`",
    "line 8, `node_defaults`: there is no field `priority`: put it beside `node_defaults`",
    "line 9, `node_defaults`: `retry`: Expected `int` >= 1 - at `$.max_attempts`",
    "line 10, `node_defaults`: `not_before`: 'soon' is no moment",
    "line 11, node 'a': there is no field `labels`: did you mean `requires`?",
]


def test_settings_in_the_wrong_place() -> None:
    """Each is told with its line, and where it belongs: of a node, of all nodes, of the task."""
    with pytest.raises(BadDocument) as refused:
        read_document(DEFAULTS.encode(), "f")
    assert len(refused.value.faults) == len(ADVICE)
    for told, expected in zip(refused.value.faults, ADVICE, strict=True):
        assert told.startswith(expected)
    with pytest.raises(BadDocument, match="line 2, `node_defaults`: expected an object with"):
        read_document(b"goal: g\nnode_defaults: [1]\nnodes: [{name: a}]\n", "f")


@pytest.mark.parametrize("field", WRONG)
def test_what_the_daemon_would_refuse(field: str) -> None:
    """It is refused before anything is sent, with the line and the node."""
    written = f"goal: g\nnodes:\n  - name: a\n    {field}\n"
    with pytest.raises(BadDocument) as refused:
        read_document(written.encode(), "f")
    assert WRONG[field] in str(refused.value)
    assert "node 'a'" in str(refused.value)
