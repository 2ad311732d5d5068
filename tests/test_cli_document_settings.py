"""A task file says how its nodes are handed out, and what becomes of them when they fail."""

import json

import pytest

from agentd.api import NodeDefaults, RetrySpec
from agentd.documents.document import read_document
from agentd.documents.faults import BadDocument
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import blocks, text

PAGE = REPOSITORY / "docs" / "attempts.md"

WRONG = {
    "priority: 101": "`priority`: expected a whole number from -100 to 100, or a word such as `hi",
    "lease_secs: 0": "`lease_secs`: expected whole seconds, 1 to 86,400, got 0",
    "lease_secs: 5m": "`lease_secs`: expected a number, got a text; `lease` takes a duration",
    "timeout_secs: 5m": "`timeout_secs`: expected a number, got a text; `timeout` takes a",
    "retry: {max_attempts: 0}": "`retry`: Expected `int` >= 1 - at `$.max_attempts`",
    "retry: 3": "`retry`: expected an object such as {max_attempts: 3} (`attem",
    "priority: P1": 'or a word such as `high`, got "P1"',
    "retry: {attempts: 2}": "`retry`: Object contains unknown field `attempts`",
    "not_before: soon": "`not_before`: 'soon' is no moment",
    "on_failure: go on": '`on_failure`: expected `block` or `continue`, got "go on"',
    "limits: claude": '`limits`: expected a list of texts, such as [claude], got "claude"',
    "requires: [1]": "`requires`: expected a list of texts, such as [gpu], got [1]",
    f"priority: {'9' * 50}": f"such as `high`, got {'9' * 40}...",
}


def test_the_example_of_the_page() -> None:
    """What docs/attempts.md shows is understood as it says."""
    [written] = blocks(text(PAGE), "yaml")
    document = read_document(written.encode(), "f")
    retry = RetrySpec(max_attempts=3, backoff_secs=30)
    assert document.node_defaults == NodeDefaults(retry=retry, lease_secs=60)
    assert document.holds == {"timeout_secs": 7200}
    build, announce, lint = document.nodes
    assert (build.name, build.priority, build.timeout_secs) == ("build", 10, 900)
    assert build.retry == RetrySpec(max_attempts=5, backoff_secs=30)
    assert (announce.dependencies, announce.not_before) == ([build.id], "2026-02-01T09:00:00Z")
    assert lint.on_failure == "continue"


def test_the_priority_of_a_task() -> None:
    """It is that of the nodes which say nothing."""
    document = read_document(b"goal: g\npriority: 7\nnodes: [{name: a}]\n", "f")
    assert (document.priority, document.nodes[0].priority) == (7, None)


def test_a_priority_in_words() -> None:
    """What other plans say: their order is the one that everybody means."""
    words = ("critical", "High", "medium", "low", "lowest")
    nodes = "".join(f"- {{priority: {word}}}\n" for word in words)
    document = read_document(f"goal: g\npriority: low\nnodes:\n{nodes}".encode(), "f")
    assert document.priority == -10
    assert [node.priority for node in document.nodes] == [20, 10, 0, -10, -20]


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
nodes: [{name: a, require: [gpu]}]
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
    "line 11, node 'a': there is no field `require`: did you mean `requires`?",
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


def test_a_fault_is_told_once() -> None:
    """Attempts that are none are not told as missing."""
    with pytest.raises(BadDocument, match=r"`attempts`: expected a whole number .*, got 0$"):
        read_document(b"goal: g\nnodes: [{name: a, attempts: 0, backoff: 3s}]\n", "f")


# In a person's words


WORDS = """goal: g
timeout: 2h
node_defaults: {attempts: 3, backoff: 30s, timeout: 30m, lease: 5m, limits: [claude]}
nodes:
  - {name: a, attempts: 5, priority: 9, timeout: 90, lease: 1m30s}
  - {name: b, backoff: 0.5}
  - {name: c, retry: {max_attempts: 2}}
  - {name: d}
"""


def test_settings_in_words() -> None:
    """They stand for fields of the request; a bare number is seconds."""
    document = read_document(WORDS.encode(), "f")
    assert document.holds == {"timeout_secs": 7200}
    assert document.node_defaults == NodeDefaults(
        retry=RetrySpec(max_attempts=3, backoff_secs=30),
        timeout_secs=1800,
        lease_secs=300,
        limits=["claude"],
    )
    a, _, c, d = document.nodes
    assert (a.priority, a.timeout_secs, a.lease_secs) == (9, 90, 90)
    assert (d.retry, d.timeout_secs, d.lease_secs) == (None, None, None)
    assert c.retry == RetrySpec(max_attempts=2)


def test_attempts_and_backoff_have_a_default_each() -> None:
    """Who says one of them keeps the other, and all else, of what holds for all nodes."""
    a, b, *_ = read_document(WORDS.encode(), "f").nodes
    assert a.retry == RetrySpec(max_attempts=5, backoff_secs=30)
    assert b.retry == RetrySpec(max_attempts=3, backoff_secs=0.5)
    written = b"goal: g\nnode_defaults: {retry: {factor: 3}}\nnodes: [{name: a, attempts: 2}]\n"
    assert read_document(written, "f").nodes[0].retry == RetrySpec(max_attempts=2, factor=3)


WRONG_WORDS = {
    "attempts: 0": "`attempts`: expected a whole number from 1 to 1,000, got 0",
    "attempts: many": "`attempts`: expected a whole number from 1 to 1,000, got a text",
    "backoff: 5s": "`backoff`: without `attempts` it is tried once, and never waits",
    "timeout: soon": "`timeout`: 'soon': expected a duration, such as 30s, 5m, 2h or 1d",
    "timeout: 1.5": "`timeout`: 1.5 is out of its range: whole seconds, from 1s to 365d",
    "timeout: 0s": "`timeout`: '0s' is out of its range",
    "timeout: [1]": "`timeout`: expected a duration, such as 30s, 5m or 2h, got a list",
    "lease: 2d": "`lease`: '2d' is out of its range: whole seconds, from 1s to 1d",
    "not_before: 2h": "a time from now would be another one whenever the file is read",
    "atempts: 2": "did you mean `attempts`?",
    "retries: 2": "did you mean `attempts`?",
}


@pytest.mark.parametrize("field", WRONG_WORDS)
def test_words_that_are_wrong(field: str) -> None:
    """Each is told with the line, the node, and what is expected."""
    written = f"goal: g\nnodes:\n  - name: a\n    {field}\n"
    with pytest.raises(BadDocument) as refused:
        read_document(written.encode(), "f")
    assert str(refused.value).startswith("f, line 4, node 'a': ")
    assert WRONG_WORDS[field] in str(refused.value)


TWICE = """goal: g
timeout: 1h
timeout_secs: 1
attempts: 3
node_defaults: {attempts: 3, retry: {}}
nodes:
  - {name: a, backoff: 1s, retry: {max_attempts: 2}}
  - {name: b, timeout: 1h, timeout_secs: 1}
  - {name: c, lease: 1h, lease_secs: 1}
"""


def test_words_beside_what_they_stand_for() -> None:
    """Both are a fault, and all faults are told at once."""
    with pytest.raises(BadDocument) as refused:
        read_document(TWICE.encode(), "f")
    assert [fault for fault in refused.value.faults if "without" not in fault] == [
        "line 2: `timeout` and `timeout_secs` say the same thing: give one",
        "line 4: there is no field `attempts`: put it under `node_defaults`, or under a node",
        "line 5, `node_defaults`: `attempts` and `retry` say the same thing: give one",
        "line 7, node 'a': `backoff` and `retry` say the same thing: give one",
        "line 8, node 'b': `timeout` and `timeout_secs` say the same thing: give one",
        "line 9, node 'c': `lease` and `lease_secs` say the same thing: give one",
    ]


def test_words_arrive(shared: DaemonProcess) -> None:
    """The daemon has them as the request says them."""
    registered = agentd_here(shared.home, "task", "register", "-", stdin=WORDS.encode())
    shown = agentd_here(shared.home, "node", "show", registered.out.strip(), "a", "--json")
    node = json.loads(shown.out)["data"]["node"]
    assert node["retry"] == {"max_attempts": 5, "backoff_secs": 30}
    assert (node["timeout_secs"], node["lease_secs"], node["priority"]) == (90, 90, 9)
