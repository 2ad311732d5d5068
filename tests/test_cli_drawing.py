"""A task's graph: how it is drawn, and how it is written for programs that draw."""

import json
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

import pytest
from msgspec import Raw

from agentd.api import NodeView
from agentd.cli.task.diagram import dot, mermaid
from agentd.drawing import MOST, TooLarge, draw
from agentd.label import node_label
from agentd.node_labels import node_labels, shorten_ids
from agentd.states import BLOCKED, COMPLETED, FAILED, PENDING, RUNNABLE, RUNNING, node_states
from tests.daemon_process import REPOSITORY

DIAMOND = {"plan": (), "build": ("plan",), "docs": ("plan",), "publish": ("build", "docs")}


def nodes(
    graph: Mapping[str, Sequence[str]], statuses: Mapping[str, str] | None = None
) -> list[NodeView]:
    """Nodes whose ids are their names."""
    return [
        NodeView(
            id=name,
            task_id="T",
            status=(statuses or {}).get(name, "PENDING"),  # type: ignore[arg-type] # a status
            dependencies=list(needs),
            payload_schema=Raw(json.dumps({"name": name}).encode()),
            result_payload=Raw(b"null"),
            acquired_at=None,
            lease_id=None,
            lease_owner="me" if (statuses or {}).get(name) == "RUNNING" else None,
            lease_expires_at=None,
            updated_at=0,
        )
        for name, needs in graph.items()
    ]


def drawn(found: list[NodeView], columns: int | None = None, *, ascii_only: bool = False) -> str:
    """The drawing as text."""
    lines = draw(found, node_states(found), node_labels(found), columns, ascii_only=ascii_only)
    return "\n".join(line.plain for line in lines)


# The states


def test_what_is_pending_is_told_apart() -> None:
    """Runnable waits for nothing, blocked for what will never complete, however far up that is."""
    graph = {"late": ("lost",), "lost": ("broken",), "broken": (), "done": (), "free": ("done",)}
    graph |= {"busy": (), "waits": ("busy", "done")}
    statuses = {"broken": "FAILED", "done": "COMPLETED", "busy": "RUNNING"}
    assert node_states(nodes(graph, statuses)) == {
        "late": BLOCKED,
        "lost": BLOCKED,
        "broken": FAILED,
        "done": COMPLETED,
        "free": RUNNABLE,
        "busy": RUNNING,
        "waits": PENDING,
    }


# The drawing


def test_a_diamond() -> None:
    """Each node has a row below all that it depends on, with its state and who has it."""
    statuses = {"plan": "COMPLETED", "build": "RUNNING", "docs": "FAILED"}
    assert drawn(nodes(DIAMOND, statuses)) == (
        "✓    COMPLETED  plan\n"
        "├─╮\n"
        "● │  RUNNING    build (me)\n"
        "│ ✗  FAILED     docs\n"
        "├─╯\n"
        "⊘    blocked    publish"
    )


def test_a_diamond_in_ascii() -> None:
    """A terminal without Unicode gets letters and strokes."""
    text = drawn(nodes(DIAMOND), ascii_only=True)
    assert text.isascii()
    assert text.splitlines()[0] == "r    runnable   plan"


def test_the_order_of_registration_does_not_matter() -> None:
    """A node that was registered before what it depends on is drawn below it all the same."""
    backwards = dict(reversed(DIAMOND.items()))
    names = re.findall(r"(?:runnable|PENDING) +(\w+)", drawn(nodes(backwards)))
    assert names[0] == "plan"
    assert names[-1] == "publish"


def test_a_release_of_twelve_nodes_fits_a_small_terminal() -> None:
    """The graph of the demo takes less than 40 columns, labels left out, and 20 lines."""
    listed = json.loads((REPOSITORY / "examples" / "release.json").read_text())["initial_nodes"]
    found = nodes({node["id"]: node["dependencies"] for node in listed})
    text = drawn(found, 80)
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80


def test_too_wide_a_graph() -> None:
    """A drawing that does not fit is refused, with what to look at instead."""
    fan = {"first": (), **{f"n{number}": ("first",) for number in range(60)}}
    with pytest.raises(TooLarge) as refused:
        drawn(nodes(fan), 80)
    assert "a graph of 61 nodes is too large to draw here: it takes" in str(refused.value)
    assert "`agentd task show T` lists the nodes" in str(refused.value)
    assert drawn(nodes(fan), 200)


def test_too_long_a_graph() -> None:
    """Nobody reads a drawing of thousands of rows."""
    with pytest.raises(TooLarge, match="drawings end at 500"):
        drawn(nodes({str(number): () for number in range(MOST + 1)}))


# What a node is called


def test_labels() -> None:
    """A node is called by its name where no other has it, else by the end of its id."""
    found = nodes({"a1-aaaaaaaa": (), "a2-aaaaaaaa": (), "bbbbbbbb-1": ()})
    for node, payload in zip(found, ('{"name":"x"}', '{"name":"x"}', '{"name":"y"}'), strict=True):
        node.payload_schema = Raw(payload.encode())
    assert node_labels(found) == {
        "a1-aaaaaaaa": "1-aaaaaaaa",
        "a2-aaaaaaaa": "2-aaaaaaaa",
        "bbbbbbbb-1": "y",
    }


@pytest.mark.parametrize("payload", ["3", '"name"', "{}", '{"name":3}', '{"name":""}'])
def test_a_payload_without_a_name(payload: str) -> None:
    """Whatever a payload is, a node without a name in it is called by its id."""
    found = nodes({"aaaabbbbcccc": ()})
    found[0].payload_schema = Raw(payload.encode())
    assert node_labels(found) == {"aaaabbbbcccc": "bbbbcccc"}
    assert node_label("aaaabbbbcccc", payload.encode()) == "bbbbcccc"


@pytest.mark.parametrize("number", ["1e400", "-1E+9999", "9" * 6000])
def test_a_name_beside_a_number_that_no_double_holds(number: str) -> None:
    """Of a payload only the name is looked at."""
    found = nodes({"aaaabbbbcccc": ()})
    found[0].payload_schema = Raw(f'{{"x":{number},"name":"crunch"}}'.encode())
    assert node_labels(found) == {"aaaabbbbcccc": "crunch"}
    assert node_label("aaaabbbbcccc", found[0].payload_schema) == "crunch"


def test_shortened() -> None:
    """Ids are cut where they differ, and keep eight characters at least."""
    ids = ["01a208f2-1490-785d", "01a208f2-1630-7479", "11a208f2-1630-7479"]
    assert list(shorten_ids(ids).values()) == ["01a208f2-14", "01a208f2-16", "11a208f2"]


# For programs that draw

HOSTILE = """a"]; click n0 "x" %% <script>&amp;`\\ {b|c} [d] \n\x1b[31m #quot; -->"""


def test_mermaid() -> None:
    """Mermaid gets a node, its state and class, and an edge for each dependency."""
    found = nodes(DIAMOND)
    text = mermaid(found, node_labels(found), node_states(found))
    assert text.splitlines()[:2] == ["flowchart TD", '    n0["plan<br/>runnable"]:::runnable']
    assert "    n1 --> n3" in text.splitlines()
    assert text.count("-->") == 4
    assert "    classDef PENDING fill:" in text


def test_mermaid_quotes() -> None:
    """A label of a user's is text for Mermaid, whatever is in it."""
    found = nodes({HOSTILE: ()})
    label = re.search(
        r'n0\["(.*)<br/>runnable"\]', mermaid(found, node_labels(found), node_states(found))
    )
    assert label
    assert re.fullmatch(r"[\w .,:;()/+=#-]*", label[1])
    assert "#34;#93;; click" in label[1]


def test_dot() -> None:
    """Graphviz gets a node by its id, and an edge for each dependency."""
    found = nodes(DIAMOND)
    text = dot(found, node_labels(found), node_states(found))
    assert '    "plan" [label="plan\\nrunnable", fillcolor="#a6e3ec"];' in text.splitlines()
    assert '    "build" -> "publish";' in text.splitlines()


def test_dot_quotes() -> None:
    """A quote or a backslash in a label ends nothing, and control characters are gone."""
    found = nodes({"n": ()})
    label = re.search(r'label="(.*)\\nrunnable"', dot(found, {"n": HOSTILE}, node_states(found)))
    assert label
    assert re.fullmatch(r'(?:[^"\\]|\\["\\])*', label[1])
    assert "\x1b" not in label[1]


def test_svg_needs_nobody() -> None:
    """The picture is whole XML, says what the drawing says, and asks no server for anything."""
    from agentd.api import TaskStatusResult, TaskView
    from agentd.cli.task.graph import svg

    task = TaskView("T", HOSTILE, Raw(b"{}"), "2026-01-31T12:00:00.000Z")
    picture = svg(TaskStatusResult(task, {}, nodes(DIAMOND)))
    words = "".join(ET.fromstring(picture).itertext())  # noqa: S314 - the picture is our own
    assert "publish" in words
    assert "url(" not in picture.partition("</style>")[0]
