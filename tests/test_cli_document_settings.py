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


@pytest.mark.parametrize("field", WRONG)
def test_what_the_daemon_would_refuse(field: str) -> None:
    """It is refused before anything is sent, with the line and the node."""
    written = f"goal: g\nnodes:\n  - name: a\n    {field}\n"
    with pytest.raises(BadDocument) as refused:
        read_document(written.encode(), "f")
    assert WRONG[field] in str(refused.value)
    assert "node 'a'" in str(refused.value)
