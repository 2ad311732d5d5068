"""`agentd task export`: a task goes out whole, and what went out comes back."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from agentd.client import Client
from agentd.plans.reading import read_plan
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess
from tests.plans import faults

TRIED = {"retry": {"max_attempts": 3}, "limits": ["machine"]}
NODES: list[dict[str, Any]] = [
    {"name": "plan", "payload_schema": Raw(b'{"size":1.50}')},
    {"name": "build", "dependencies": ["plan"], **TRIED},
    {"name": "ask", "dependencies": ["build"], "gate": {"ask": "Good?", "timeout_secs": 60}},
    {"name": "held", "priority": 7},
]


@pytest.fixture
def worked_on(shared: DaemonProcess) -> str:
    """A task of which something is done, something has failed once, and something is held."""
    with Client(shared.socket_path) as client:
        task = client.register_task(
            "Ship it", context={"branch": "main"}, initial_nodes=NODES, labels={"team": "a"}
        ).task_id
        held = client.acquire_next_node(task, lease_owner="h\x1b[2J")
        assert held is not None
        plan = client.acquire_next_node(task, lease_owner="w")
        assert plan is not None
        client.commit_event(task, "plan", payload={"seen": "`x`\u202e"}, lease_id=plan.lease_id)
        client.complete_node(task, "plan", plan.lease_id, {"pages": 3}, usage={"tokens": 5})
        build = client.acquire_next_node(task, lease_owner="w")
        assert build is not None
        client.fail_node(task, "build", build.lease_id, {"why": "flaky"}, retry_after_secs=0)
    return str(task)


def export(home: Path, task: str, *more: str) -> str:
    """What is written on standard output."""
    ended = agentd_here(home, "task", "export", task, *more)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def test_the_form_that_comes_back(shared: DaemonProcess, worked_on: str, tmp_path: Path) -> None:
    """All that can be imported, and beside it, for reading, how it was tried and what it used."""
    path = tmp_path / "task.jsonl"
    assert export(shared.home, worked_on, "-o", str(path)) == ""
    head, *nodes, event, end = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (head["goal"], head["labels"], head["state"]) == ("Ship it", {"team": "a"}, "ACTIVE")
    assert end == {"end": {"nodes": 4, "events": 1}}
    assert event["event"]["payload"] == {"seen": "`x`\u202e"}
    plan, build, ask, held = (line["node"] for line in nodes)
    assert (plan["status"], plan["result_payload"]) == ("COMPLETED", {"pages": 3})
    assert (plan["usage"], plan["attempts"][0]["owner"]) == ({"tokens": 5}, "w")
    assert (build["status"], build["attempts"][0]["error"]) == ("PENDING", {"why": "flaky"})
    assert (build["retry"], build["limits"]) == ({"max_attempts": 3}, ["machine"])
    assert ask["gate"]["ask"] == "Good?"
    assert (held["status"], held["priority"]) == ("RUNNING", 7)
    assert '"size":1.50' in path.read_text(encoding="utf-8")
    ended = agentd_here(shared.home, "task", "import", str(path))
    assert "its lease was another daemon's: it is PENDING" in ended.err
    copy = ended.out.strip()
    with Client(shared.socket_path) as client:
        status = client.task_status(copy)
        assert status.counts == {"COMPLETED": 1, "PENDING": 3}
        assert status.task.imported_from == f"agentd:{worked_on}"
        assert [node.attempt for node in status.nodes] == [0, 0, 0, 0]
    assert agentd_here(shared.home, "task", "import", str(path)).out.strip() == copy


def test_a_checkpoint_comes_back_as_a_note(
    shared: DaemonProcess, worked_on: str, tmp_path: Path
) -> None:
    """Who takes the node next finds it among the events; that it was a checkpoint is told."""
    with Client(shared.socket_path) as client:
        build = client.acquire_next_node(worked_on, lease_owner="w")
        assert build is not None
        client.commit_event(
            worked_on, "build", payload={"at": 7}, lease_id=build.lease_id, checkpoint=True
        )
    path = tmp_path / "task.jsonl"
    export(shared.home, worked_on, "-o", str(path))
    line = json.loads(path.read_text(encoding="utf-8").splitlines()[2])
    assert line["node"]["checkpoint"]["payload"] == {"at": 7}
    ended = agentd_here(shared.home, "task", "import", str(path))
    assert "[2].node.checkpoint: its next holder finds it among what was noted" in ended.err
    with Client(shared.socket_path) as client:
        events = client.task_events(ended.out.strip(), limit=1000).events
    assert {"at": 7} in [json.loads(bytes(event.payload)) for event in events if event.by_client]
    assert 'checkpoint: `{"at":7}`' in export(shared.home, worked_on, "--form", "markdown")


def test_the_form_for_programs(shared: DaemonProcess, worked_on: str) -> None:
    """One object, with all events; in the envelope where `--json` asks for that."""
    whole = json.loads(export(shared.home, worked_on, "--form", "json"))
    assert (whole["state"], len(whole["nodes"])) == ("ACTIVE", 4)
    assert whole["nodes"][1]["attempts"][0]["how"] == "failed"
    assert {"REGISTER_TASK", "FAIL_NODE"} <= {event["action_type"] for event in whole["events"]}
    enveloped = json.loads(export(shared.home, worked_on, "--form", "json", "--json"))
    assert enveloped == {"ok": True, "data": whole}


def test_the_form_for_people(shared: DaemonProcess, worked_on: str) -> None:
    """A checklist with all that is known below each item; nothing in it steers a terminal."""
    text = export(shared.home, worked_on, "--form", "markdown")
    assert text.startswith("# Ship it\n\nACTIVE, registered ")
    assert "- [x] plan\n  - COMPLETED " in text
    assert "  - after: plan\n" in text
    assert '  - result: `{"pages":3}`\n' in text
    assert 'COMMIT_EVENT: ``{"seen":"`x`\\u202e"}``' in text
    assert "  - attempt 1: failed by w " in text
    assert "\x1b" not in text
    assert [node.key for node in read_plan(text.encode(), "t", None, ".md").nodes] == [
        "plan",
        "build",
        "ask",
        "held",
    ]


def test_on_a_terminal(shared: DaemonProcess, worked_on: str) -> None:
    """What others wrote is spelled out there, in each form."""
    for form in ("agentd", "markdown"):
        shown = on_a_terminal_here(shared.home, "task", "export", worked_on, "--form", form)
        assert shown.code == 0
        assert "\u202e" not in shown.out
        assert "\x1b[2J" not in shown.out


def test_into_a_file(shared: DaemonProcess, worked_on: str, tmp_path: Path) -> None:
    """A program is told what was written; where no file can be, that is said."""
    path = tmp_path / "task.md"
    run = ("task", "export", worked_on, "--form", "markdown", "--json", "-o")
    data = json.loads(agentd_here(shared.home, *run, str(path)).out)["data"]
    assert data == {
        "task_id": worked_on,
        "path": str(path),
        "form": "markdown",
        "nodes": 4,
        "events": 1,
    }
    ended = agentd_here(shared.home, *run[:-2], "-o", str(tmp_path / "no" / "x"))
    assert ended.code == 1
    assert f"{tmp_path}/no/x: No such file or directory" in ended.error
    ended = agentd_here(shared.home, *run[:-2], "-o", str(tmp_path))
    assert f"{tmp_path}: Is a directory" in ended.error
    assert "draft" not in ended.error
    ended = agentd_here(shared.home, "task", "export", worked_on, "--json", "-o", "-")
    assert (ended.code, "give --form json, or a file with -o" in ended.out) == (2, True)


def test_a_file_that_is_there(shared: DaemonProcess, worked_on: str, tmp_path: Path) -> None:
    """It stays as it is until `--force` says otherwise; a link to it stays a link."""
    there, link = tmp_path / "mine", tmp_path / "link"
    there.write_text("mine", encoding="utf-8")
    link.symlink_to(there)
    run = ("task", "export", worked_on, "-o", str(link))
    ended = agentd_here(shared.home, *run)
    told = f"agentd: {link} exists: choose another name, or add --force to replace it"
    assert (ended.code, ended.out, ended.error) == (1, "", told)
    assert there.read_text(encoding="utf-8") == "mine"
    assert agentd_here(shared.home, *run, "--force").code == 0
    assert link.is_symlink()
    assert '"agentd_task":1' in there.read_text(encoding="utf-8")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/null"):
        ended = agentd_here(shared.home, "task", "export", worked_on, "--force", "-o", path)
        assert (ended.code, "not a regular file" in ended.error) == (1, True)


def test_a_dry_run_of_what_went_out(shared: DaemonProcess, worked_on: str, tmp_path: Path) -> None:
    """Nodes are shown by their names, as they were in the task."""
    path = tmp_path / "task.jsonl"
    export(shared.home, worked_on, "-o", str(path))
    ended = agentd_here(shared.home, "task", "import", str(path), "--dry-run")
    assert ended.out.splitlines()[:2] == ["plan\tCOMPLETED\t", "build\tPENDING\tplan"]
    ended = agentd_here(shared.home, "task", "import", str(path), "--dry-run", "--json")
    data = json.loads(ended.out)["data"]
    assert [node["dependencies"] for node in data["nodes"]] == [[], ["plan"], ["build"], []]
    assert [event["node"] for event in data["events"]] == ["plan"]


def test_what_is_to_be_read_is_a_checklist(shared: DaemonProcess, worked_on: str) -> None:
    """Taken for a plan, it says that what stands in it as text does not come back."""
    written = export(shared.home, worked_on, "--form", "markdown")
    (told,) = read_plan(written.encode(), "task.md").not_taken
    assert told.line == 3
    assert "without `--form` comes back whole" in told.why


def test_names_with_signs_of_markdown(shared: DaemonProcess) -> None:
    """What shows Markdown shows the names as they are, and does not take `<T>` for a tag."""
    names = [
        "Fix Vec<T> & <b>",
        "*all* __init__.py",
        "[x](y) `z`",
        "a\\_b",
        "&lt;",
        "snake_case - 1 > 0",
    ]
    with Client(shared.socket_path) as client:
        nodes = [{"name": name} for name in names]
        nodes[1]["dependencies"] = [names[0]]  # type: ignore[assignment]
        task = client.register_task("Do *this*", initial_nodes=nodes).task_id
    text = export(shared.home, str(task), "--form", "markdown")
    assert text.startswith("# Do \\*this\\*\n")
    assert "  - after: Fix Vec\\<T\\> \\& \\<b\\>\n" in text
    assert "- [ ] snake_case - 1 > 0\n" in text
    plan = read_plan(text.encode(), "t", None, ".md")
    assert (plan.goal, [node.key for node in plan.nodes]) == ("Do *this*", names)


def test_a_cancelled_task_comes_back_held(shared: DaemonProcess, tmp_path: Path) -> None:
    """Nobody works on what was cancelled because it went through a file."""
    with Client(shared.socket_path) as client:
        above = client.register_task("Above").task_id
        nodes = [{"name": "a"}]
        task = client.register_task("Stop", initial_nodes=nodes, parent_task_id=above).task_id
        client.cancel_task(task)
        path = tmp_path / "t"
        export(shared.home, task, "-o", str(path))
        ended = agentd_here(shared.home, "task", "import", str(path))
        assert "it was cancelled there: it begins paused" in ended.err
        assert "parent_task_id: the task above it may not be here" in ended.err
        assert client.task_status(ended.out.strip()).state == "PAUSED"


HEAD = '{"agentd_task": 1, "goal": "g"}'
NODE = '{"node": {"id": "n"}}'
END = '{"end": {"nodes": 1, "events": 0}}'


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((HEAD, NODE), "the last line has to have an `end`: the file was cut off"),
        ((HEAD, END), "it tells of 1 nodes, and there are 0"),
        ((HEAD, "{}", NODE, END), "it has neither a `node` nor an `event`"),
        ((HEAD, '{"node": {}}', END), "`id` is missing"),
        ((HEAD, '{"node": {"id": "n", "status": "DONE"}}', END), "'DONE' is none of PENDING"),
        ((HEAD, '{"node": {"id": "n", "priority": "x"}}', END), "`priority`: Expected `int"),
        ((HEAD, '{"node": {"id": "n", "gate": {"aks": 1}}}', END), "`gate`: Object "),
        ((HEAD, '{"node": {"id": "n", "dependencies": ["m"]}}', END), 'waits for "m", and there'),
        ((HEAD, NODE, '{"event": {"node_id": "n"}}', END), "`timestamp` is missing"),
        ((HEAD, '{"node": {"id": "n", "not_before": "x"}}', END), "`not_before`: 'x' is no moment"),
        ((HEAD, '{"node": {"id": "n", "locks": ["file:../x"]}}', END), "`locks[0]`"),
        (
            (HEAD, '{"node": {"id": "n", "status": "FAILED", "ended_at": 1000000000000}}', END),
            "`ended_at`: '1000000000000.0' is no moment",
        ),
        (('{"agentd_task": 1, "created_at": "x"}', NODE, END), "`created_at`: 'x' is no moment"),
        (('{"agentd_task": 2}', NODE, END), "the first line has to say `agentd_task`: 1"),
    ],
)  # fmt: skip
def test_an_export_that_was_damaged(lines: tuple[str, ...], told: str) -> None:
    """What is wrong with it is said, with its line, and nothing is imported."""
    assert any(told in fault for fault in faults("\n".join(lines)))


def test_what_ended_long_ago() -> None:
    """A node may have ended before 1970: a moment is a moment."""
    node = '{"node": {"id": "n", "status": "COMPLETED", "ended_at": -62135596800}}'
    (read_again,) = read_plan(f"{HEAD}\n{node}\n{END}".encode(), "t").nodes
    assert read_again.ended_at == -62135596800
