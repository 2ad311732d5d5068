"""The pages of `agentd ui`, as a browser without JavaScript has them."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from starlette.testclient import TestClient

from agentd.results.attempt_files import DIRECTORY
from tests.daemon_process import Connection, DaemonProcess
from tests.test_cli_hostile import HOSTILE
from tests.ui_pages import FROM_A_PAGE, let_in, words

NODES: list[dict[str, Any]] = [
    {"name": "build", "payload_schema": {"prompt": "Build it"}, "limits": ["llm"]},
    {"name": "test", "dependencies": ["build"]},
    {"name": "ask", "gate": {"ask": "Ship it?"}},
    {"name": "ship", "dependencies": ["test", "ask"]},
]


class Stage(NamedTuple):
    """A daemon, a browser that looks, and a task of which a node has failed."""

    browser: TestClient
    task: str
    seq: int

    def read(self, path: str, status: int = 200) -> str:
        """What a person reads on a page, which has that status."""
        answer = self.browser.get(path)
        assert answer.status_code == status, (path, answer.text)
        return words(answer.text)


def fail(connection: Connection, task: str, **ending: Any) -> dict[str, Any]:
    """Acquire a node and fail it."""
    held = connection.call("AcquireNextNode", task_id=task, lease_owner="ann")
    lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
    connection.call("FailNode", **lease, error_payload={"message": "it broke"}, **ending)
    return lease


@pytest.fixture(scope="module")
def stage(shared: DaemonProcess) -> Iterator[Stage]:
    """One for all: the tests here only look."""
    with pytest.MonkeyPatch.context() as patch, shared.connect() as connection:
        patch.setenv("AGENTD_HOME", str(shared.home))
        task = connection.call(
            "RegisterTask",
            goal="Release 2.0",
            context={"repo": "/repo"},
            initial_nodes=NODES,
            budget={"cost_usd": 5},
        )["task_id"]
        connection.call("SetLimit", name="llm", max_running=3)
        connection.call("CloseLimit", name="llm", for_secs=3600, reason="quota met")
        connection.call("CloseLimit", name="llm", for_secs=0)
        connection.call("SetLimit", name="gpu", max_running=1)
        connection.call("CloseLimit", name="gpu", for_secs=3600, reason="quota met")
        connection.call("AcquireResourceLock", resource_key="file:/repo/a.py", owner="bob")
        before = connection.call("WatchEvents", limit=1)["last_seq"]
        fail(connection, task, kind="tool_error", usage={"cost_usd": 1.5})
        other = connection.call("RegisterTask", goal="Docs", initial_nodes=[{"name": "write"}])
        connection.call("AcquireNextNode", task_id=other["task_id"], lease_owner="cleo")
        with let_in(shared.socket_path) as browser:
            yield Stage(browser, task, before)


def test_the_overview(stage: Stage) -> None:
    """Tasks and how far they are, what waits for me, who works on what, which limits are full."""
    told = stage.read("/")
    assert "Release 2.0" in told
    assert "0 of 4 done 1 failed 3 waiting cost_usd 1.5 of 5" in told
    assert "gate ask" in told
    assert "Ship it?" in told
    assert "nodes failed 1" in told
    assert re.search(r"cleo +write for \d+ s", told)
    assert "gpu closed, 59 min left" in told
    assert "llm" not in told
    assert "1 lock held" in told
    assert "No such tasks" in stage.read("/?goal=nothing")
    assert "Docs" not in words(stage.browser.get("/?goal=release").text).partition("Waits")[0]
    assert "Release" in stage.read("/?state=ACTIVE")


def test_a_task(stage: Stage) -> None:
    """How far it is, what each node is and why, and what happened last."""
    told = stage.read(f"/tasks/{stage.task}")
    assert "ACTIVE 0 of 4 done 1 failed" in told
    assert re.search(r"build ✗ FAILED 1 \d+ s ago it broke", told)
    assert "ask ◇ gate Ship it?" in told
    assert "ship ⊘ blocked waits for test, ask" in told
    assert "dependency failed" in told
    assert '{"repo":"/repo"}' in told
    assert "FAIL_NODE" in told
    assert told.index("build ✗") < told.index("ask ◇") < told.index("ship ⊘")
    page = stage.browser.get("/").text
    assert f'href="/tasks/{stage.task}?state=FAILED#nodes"' in page


def test_nodes_are_found(stage: Stage) -> None:
    """By what they are called, and by their state."""
    told = stage.read(f"/tasks/{stage.task}?node=SHI&state=blocked")
    table = told.partition("What there is to say")[2].partition("Who worked when")[0]
    assert "ship ⊘ blocked" in table
    assert "ask ◇" not in table
    assert "No such nodes" in stage.read(f"/tasks/{stage.task}?node=nix")


def test_a_task_as_it_was(stage: Stage) -> None:
    """At any moment: the slider's place is an address."""
    told = stage.read(f"/tasks/{stage.task}?at={stage.seq}")
    assert f"This is the task as it was at {stage.seq}" in told
    assert "build ◎ runnable" in told
    assert "it broke" not in told
    assert "build ◎ runnable" in stage.read(f"/tasks/{stage.task}?at={stage.seq}&node=build")


def test_a_node(stage: Stage) -> None:
    """Its attempts, what it was given, what came of it, and where its log is."""
    told = stage.read(f"/tasks/{stage.task}/nodes/build")
    assert re.search(r"1 ann ✗ failed tool_error [\d:]+ 0 s .*it broke", told)
    assert ">try 1" in stage.browser.get(f"/tasks/{stage.task}/nodes/build").text
    assert '{ "prompt": "Build it" }' in told
    assert "limits llm" in told
    assert "only agentd work on this machine keeps" in told
    then = stage.read(f"/tasks/{stage.task}/nodes/build?at={stage.seq}")
    assert "Nobody has worked on it yet" in then


def test_why_a_node_waits(stage: Stage) -> None:
    """Every cause, and what would help."""
    assert "Ship it?" in stage.read(f"/tasks/{stage.task}/nodes/ask")
    assert "dependency failed" in stage.read(f"/tasks/{stage.task}/nodes/ship")
    assert "dependency failed" in stage.read(f"/tasks/{stage.task}/why")


def test_the_journal(stage: Stage) -> None:
    """The newest first; of one task, of one kind, behind a place; older pages lead on."""
    told = stage.read("/journal")
    assert re.search(r"FAIL_NODE build Release 2.0", told)
    assert told.index("FAIL_NODE") < told.index("CLOSE_LIMIT") < told.index("SET_LIMIT")
    told = stage.read(f"/journal?task={stage.task}&kind=FAIL_NODE")
    assert "it broke" in told
    assert "SET_LIMIT" not in told
    assert "SET_LIMIT" not in stage.read(f"/journal?after={stage.seq}")
    assert "FAIL_NODE" not in stage.read(f"/journal?before={stage.seq + 1}").partition("Older")[0]


def test_what_is_shared(stage: Stage) -> None:
    """The inbox with what to type, limits, locks and workers."""
    assert "agentd gate approve" in stage.read("/inbox")
    told = stage.read("/limits")
    assert re.search("gpu ⊘ closed [0-9]+ min left : quota met 0 of 1 0 -", told)
    assert "llm ○ open 0 of 3 0 -" in told
    assert "file:/repo/a.py exclusive bob" in told
    assert re.search(r"cleo write for \d+ s", stage.read("/workers"))


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nix", 404, "There is no such page"),
        ("/tasks/nix", 400, "nix"),
        ("/tasks/00000000-0000-0000-0000-000000000000", 404, "no task"),
        ("/tasks/TASK/nodes/nix", 404, "nix"),
        ("/tasks/TASK?page=x", 400, '`page` is "x": expected a whole number from 1 on'),
        ("/tasks/TASK?page=-1", 400, "expected a whole number"),
        ("/tasks/TASK?state=nix", 400, "expected RUNNING, FAILED"),
        ("/tasks/TASK?at=yesterday", 400, "yesterday"),
        ("/tasks/TASK?at=0", 404, "no task"),
        ("/tasks/TASK/nodes/build/whole/nix", 404, "nix"),
        ("/tasks/TASK/nodes/..%2f..%2f/log/stdout?attempt=1", 404, "no such page"),
        ("/tasks/../nodes/x/log/stdout?attempt=1", 404, ""),
        ("/tasks/x/nodes/y/log/stdout?attempt=1", 404, "ids of its task and node"),
        ("/journal?kind=" + "x" * 300, 400, "at most 256"),
        ("/journal?after=99999999999999999999999", 400, "expected a whole number"),
    ],
)
def test_what_cannot_be_shown(stage: Stage, path: str, status: int, told: str) -> None:
    """It is said what was wrong with what was asked."""
    assert told in stage.read(path.replace("TASK", stage.task), status)


@pytest.mark.parametrize("path", ["", "/nodes/build/retry", "/nodes/ask/approve", "/cancel"])
def test_looking_changes_nothing(stage: Stage, path: str) -> None:
    """Without `--allow-actions` no form is there, and none is taken."""
    assert "<form method=post" not in stage.browser.get(f"/tasks/{stage.task}").text
    answer = stage.browser.post(f"/tasks/{stage.task}{path}", headers=FROM_A_PAGE)
    assert answer.status_code == (403 if path else 405)
    if path:
        assert "agentd ui --allow-actions" in words(answer.text)


def test_what_a_form_does_is_no_address(stage: Stage) -> None:
    """A link does nothing."""
    for path in ("cancel", "nodes/ask/approve"):
        assert stage.browser.get(f"/tasks/{stage.task}/{path}").status_code == 405


# What others wrote

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"--><b>&amp;"


@pytest.fixture(scope="module")
def hostile(shared: DaemonProcess) -> str:
    """A task of which every text is hostile."""
    text = MARKUP + HOSTILE + "\u05d0\u05d1"
    with shared.connect() as connection:
        task: str = connection.call(
            "RegisterTask",
            goal=text,
            context={text: text},
            labels={"<b>": MARKUP},
            budget={MARKUP: 1},
            initial_nodes=[
                {"name": MARKUP, "payload_schema": {"name": text, text: [text]}},
                {"payload_schema": {"name": text}},
                {"payload_schema": text, "dependencies": [MARKUP], "requires": [MARKUP]},
                {"gate": {"ask": text}},
            ],
        )["task_id"]
        held = connection.call("AcquireNextNode", task_id=task, lease_owner=text)
        lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call("CommitEvent", **lease, action_type=MARKUP, payload=text)
        connection.call("FailNode", **lease, error_payload=text, kind=MARKUP[:64])
        connection.call("AcquireNextNode", task_id=task, lease_owner=text)
        connection.call("AcquireResourceLock", resource_key=MARKUP, owner=text)
        connection.call("SetLimit", name=MARKUP, max_running=1)
        connection.call("CloseLimit", name=MARKUP, for_secs=3600, reason=text)
    return task


def test_what_others_wrote_is_text(stage: Stage, hostile: str) -> None:
    """On no page is there any markup of theirs, nor a character that a browser would obey."""
    nodes = json.loads(stage.browser.get(f"/tasks/{hostile}/context").text)
    assert nodes
    page = stage.browser.get(f"/tasks/{hostile}").text
    of_nodes = set(re.findall(rf"/tasks/{hostile}/nodes/[0-9a-f-]{{36}}", page))
    assert len(of_nodes) == 4
    for path in ("/", "/inbox", "/journal", "/limits", "/workers", f"/tasks/{hostile}", *of_nodes):
        html = stage.browser.get(path).text
        assert "<b>&" not in html
        assert "<img" not in html
        assert html.count("<script") == 1, path
        left = html.replace("\n", "")
        assert left.isprintable(), [c for c in left if not c.isprintable()][:5]


def test_the_source_of_an_import_is_text(stage: Stage, shared: DaemonProcess) -> None:
    """It is shown with its task, as text."""
    with shared.connect() as connection:
        asked = {"goal": "g", "source": MARKUP + HOSTILE, "nodes": [{"name": "a"}]}
        task = connection.call("ImportTask", **asked)["task_id"]
    assert "imported from <script>alert(1)" in stage.read(f"/tasks/{task}")
    html = stage.browser.get(f"/tasks/{task}").text
    assert (html.count("<script"), "<img" in html) == (1, False)
    assert html.replace("\n", "").isprintable()


def test_a_filter_is_text(stage: Stage) -> None:
    """So is what a link put into an address."""
    for path in ("/?goal=", "/journal?kind=", f"/tasks/{stage.task}?node="):
        html = stage.browser.get(path + MARKUP.replace("&", "%26")).text
        assert html.count("<script") == 1
        assert "<img" not in html


def test_a_large_payload_is_shortened(stage: Stage, shared: DaemonProcess) -> None:
    """Its beginning is on the page; the whole is a file, byte for byte, that no browser shows."""
    large = {"text": "x" * 900_000, "n": 1.50}
    with shared.connect() as connection:
        task = connection.call("RegisterTask", goal="g" * 100_000, context=large)["task_id"]
        node = connection.call("AddNodes", task_id=task, nodes=[{"payload_schema": large}])
        node = node["node_ids"][0]
    for path in ("/", "/journal", f"/tasks/{task}", f"/tasks/{task}/nodes/{node}"):
        assert len(stage.browser.get(path).content) < 200_000, path
    whole = stage.browser.get(f"/tasks/{task}/nodes/{node}/whole/given")
    assert json.loads(whole.content) == large
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"] == f'attachment; filename="{node}-given.json"'
    assert json.loads(stage.browser.get(f"/tasks/{task}/context").content) == large


def test_a_log(stage: Stage, shared: DaemonProcess) -> None:
    """The end of what a command wrote is on the page of its node, and the whole is a file."""
    status = stage.browser.get(f"/tasks/{stage.task}/nodes/build").text
    found = re.search(rf"/tasks/{stage.task}/nodes/([0-9a-f-]{{36}})", status)
    assert found
    folder = shared.home / DIRECTORY / stage.task
    folder.mkdir(parents=True)
    written = b"\x1b[31m<b>first</b>\n" + b"x" * 40_000 + b"\nlast \xff\n"
    (folder / f"{found[1]}-1.stderr").write_bytes(written)
    told = stage.read(f"/tasks/{stage.task}/nodes/build?attempt=1")
    assert "stderr" in told
    assert "first" not in told
    assert "last \ufffd" in told
    whole = stage.browser.get(f"/tasks/{stage.task}/nodes/{found[1]}/log/stderr?attempt=1")
    assert whole.content == written
    assert "attachment" in whole.headers["content-disposition"]
