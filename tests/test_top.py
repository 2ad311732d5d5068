"""`agentd top`: what it shows, and what its keys do."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agentd.results.attempt_files import DIRECTORY, AttemptFiles, append, create_file
from tests.daemon_process import Connection, DaemonProcess, Refused
from tests.top_picture import PICTURE, top_picture, words_of
from tests.top_scene import BY, Scene, Shown, acquire, on_a_screen, scene

pytestmark = pytest.mark.usefixtures("here")

SIGNS = "●✗◇◎○⊘✓"
"""Of the states of nodes, those that ask for attention first."""


def look(
    daemon: DaemonProcess,
    play: Callable[[Shown], Awaitable[Any]],
    task: str | None = None,
    size: tuple[int, int] = (80, 24),
) -> None:
    """Play on a screen of its own."""

    async def run() -> None:
        async with on_a_screen(daemon.home, task, size) as shown:
            await play(shown)

    asyncio.run(run())


def node(connection: Connection, of: Scene, name: str) -> Any:
    """A node, as the daemon says."""
    return connection.call("NodeStatus", task_id=of.task, node_id=of.nodes[name])["node"]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=str)
def test_tasks_and_their_nodes(
    shared: DaemonProcess, connection: Connection, size: tuple[int, int]
) -> None:
    """The overview has a line a task, the nodes of the chosen one, and why it waits; all fits."""
    scene(connection, f"overview{size[0]}")

    async def play(shown: Shown) -> None:
        await shown.press("slash", *f"overview{size[0]}", "enter")
        await shown.wait_for("40 % compiled")
        await shown.wait_for("why:")
        assert "1/7" in shown.line_of("▸ ● ACTIVE")
        below = shown.lines[shown.lines.index(shown.line_of("LAST WORD")) + 1 :][:7]
        assert "".join(line[2] for line in below) == SIGNS
        assert len(shown.lines) == size[1]
        assert all(len(line) <= size[0] for line in shown.lines)

    look(shared, play, size=size)


def test_the_nodes_of_a_task(shared: DaemonProcess, connection: Connection) -> None:
    """Opened on a task it shows who holds what since when, attempts and last words, as they go."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by builder for")
        running = shown.line_of("● RUNNING").split()
        assert running[3:5] == ["build", "builder"]
        assert running[7:] == ["1", "40", "%", "compiled"]
        assert "3 tests fail" in shown.line_of("✗ FAILED")
        assert "asks: Good enough?" in shown.line_of("◇ gate")
        lease = {"task_id": there.task, "node_id": there.nodes["build"], "lease_id": there.lease}
        connection.call("CommitEvent", **lease, payload={"message": "80 % compiled"})
        await shown.wait_for("80 % compiled")
        connection.call("CompleteNode", **lease)
        await shown.wait_for("◎ runnable  later")
        status = connection.call("TaskStatus", task_id=there.task)
        assert [row.status for row in shown.app.model.nodes.values()] == [
            each["status"] for each in status["nodes"]
        ]

    look(shared, play, there.task)


def test_why_a_node_waits(shared: DaemonProcess, connection: Connection) -> None:
    """Below the nodes stands why the chosen one waits, in the daemon's words."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("end", "up", "up")
        await shown.wait_for("▸ ○ PENDING")
        await shown.wait_for("why: it waits for node 'build', which is RUNNING")
        await shown.press("down")
        await shown.wait_for("why: it waits for node 'test', which FAILED")

    look(shared, play, there.task)


def test_what_fails_is_tried_again(shared: DaemonProcess, connection: Connection) -> None:
    """`r` tries a node again and `R` all that failed, each after a question; `n` leaves it."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("r")
        await shown.wait_for("r tries again what FAILED; build is RUNNING")
        await shown.press("down", "r")
        await shown.wait_for("Try test again?")
        await shown.press("n")
        await shown.wait_for("LIVE")
        assert node(connection, there, "test")["status"] == "FAILED"
        await shown.press("r", "y")
        await shown.wait_for("test is PENDING again")
        await shown.wait_for(lambda: "1 failed" not in shown.text)
        connection.call("FailNode", **acquire(connection, there.task), error_payload={})
        await shown.wait_for("1 failed")
        await shown.press("R", "y")
        await shown.wait_for("1 node is PENDING again")
        assert node(connection, there, "test")["status"] == "PENDING"
        await shown.wait_for(lambda: "1 failed" not in shown.text)
        await shown.press("R")
        await shown.wait_for("nothing of this task did")

    look(shared, play, there.task)


def test_a_node_is_taken_from_its_holder(shared: DaemonProcess, connection: Connection) -> None:
    """`l` asks, with whose name, and takes a reason; who had it is told that it is not his."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("l")
        await shown.wait_for("Take build from builder?")
        await shown.press(*"hangs", "enter")
        await shown.wait_for("took build from builder")
        [ended] = connection.call("NodeStatus", task_id=there.task, node_id=there.nodes["build"])[
            "attempts"
        ]
        assert (ended["how"], ended["error"]) == ("released", "hangs")
        with pytest.raises(Refused, match="stale_lease"):
            connection.call(
                "CompleteNode",
                task_id=there.task,
                node_id=there.nodes["build"],
                lease_id=there.lease,
            )
        await shown.press("l")
        await shown.wait_for("nobody holds")

    look(shared, play, there.task)


def test_a_task_is_paused_and_cancelled(shared: DaemonProcess, connection: Connection) -> None:
    """`p` pauses and resumes without a question; `c` asks, and takes a reason."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("p")
        await shown.wait_for("‖ PAUSED")
        await shown.press("p")
        await shown.wait_for("● ACTIVE")
        await shown.press("c")
        await shown.wait_for("Cancel this task")
        await shown.press("escape")
        await shown.wait_for("LIVE")
        await shown.press("c", *"no use", "enter")
        await shown.wait_for("⊘ CANCELLED")
        last = connection.call("TaskEvents", task_id=there.task)["events"]
        [told] = [each["payload"] for each in last if each["action_type"] == "CANCEL_TASK"]
        assert (told["reason"], told["by"]) == ("no use", BY)
        await shown.press("c")
        await shown.wait_for("this task is CANCELLED")

    look(shared, play, there.task)


def test_gates_are_decided(shared: DaemonProcess, connection: Connection) -> None:
    """`a` approves and `x` rejects, among the nodes and in the inbox, with a note."""
    there, other = scene(connection), scene(connection, "other release")

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("a")
        await shown.wait_for("a decides a gate that is open; build is RUNNING")
        await shown.press("down", "down", "x", *"too short", "enter")
        await shown.wait_for("rejected review, which is FAILED now")
        assert node(connection, there, "review")["result_payload"] == {
            "decision": "reject",
            "by": BY,
            "note": "too short",
        }
        await shown.press("5", "slash", *"other rel", "enter")
        await shown.wait_for("review: other release")
        assert "Good enough?" in shown.text
        await shown.press("a", "enter")
        await shown.wait_for("approved review, which is COMPLETED now")
        assert node(connection, other, "review")["status"] == "COMPLETED"

    look(shared, play, there.task)


def test_the_daemon_s_refusal_is_told(shared: DaemonProcess, connection: Connection) -> None:
    """What became impossible while somebody thought about it is refused in the daemon's words."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("down", "down", "a")
        await shown.wait_for("Approve review?")
        connection.call(
            "DecideGate", task_id=there.task, node_id=there.nodes["review"], decision="approve"
        )
        await shown.press("enter")
        await shown.wait_for("refused: ")
        await shown.wait_for("(gate_not_open)")

    look(shared, play, there.task)


def test_the_filter(shared: DaemonProcess, connection: Connection) -> None:
    """`/` leaves what has the text in it, while it is typed; Escape shows all again."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.press("slash", *"FAIL")
        await shown.wait_for(lambda: "build" not in shown.text)
        assert "▸ ✗ FAILED" in shown.text
        await shown.press("enter", "escape")
        await shown.wait_for("● RUNNING")

    look(shared, play, there.task)


def test_as_it_was(shared: DaemonProcess, connection: Connection) -> None:
    """`t` shows the task after its newest event, ← after the one before; nothing is done there."""
    there = scene(connection)
    seqs = [e["seq"] for e in connection.call("TaskEvents", task_id=there.task)["events"]]

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("t")
        await shown.wait_for(f"PAST  after seq {seqs[-1]:,}")
        await shown.press("left", "left")
        await shown.wait_for(f"after seq {seqs[-3]:,}")
        await shown.wait_for(lambda: "● RUNNING" not in shown.text)
        status = connection.call("TaskStatus", task_id=there.task, at=seqs[-3])
        rows = shown.app.model.nodes.values()
        assert [row.status for row in rows] == [each["status"] for each in status["nodes"]]
        await shown.press("R")
        await shown.wait_for("this is how it was")
        places = {"left_square_bracket": 0, "right": 1, "right_square_bracket": -1}
        for key, place in places.items():
            await shown.press(key)
            await shown.wait_for(f"after seq {seqs[place]:,}")
        await shown.press("escape")
        await shown.wait_for("LIVE")

    look(shared, play, there.task)


def test_the_graph(shared: DaemonProcess, connection: Connection) -> None:
    """A node stands below what it waits for; the cursor is on nodes, the same as in the list."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("down", "down", "3")
        await shown.wait_for("▸")
        await shown.wait_for(lambda: "review" in shown.line_of("▸"))
        order = [shown.text.index(each) for each in ("  plan", "  test", "  ship")]
        assert order == sorted(order)
        assert "build (builder)" in shown.text
        await shown.press("home")
        await shown.wait_for(lambda: "plan" in shown.line_of("▸"))

    look(shared, play, there.task)


def test_more_nodes_than_a_person_reads(shared: DaemonProcess, connection: Connection) -> None:
    """Of more than 500 a line says how many are not shown, and the filter finds them.

    The graph is what is around the chosen one.
    """
    many = [{"name": f"n{n}", "dependencies": [f"n{n - 1}"] if n else []} for n in range(600)]
    task = connection.call("RegisterTask", goal="large", initial_nodes=many)["task_id"]

    async def play(shown: Shown) -> None:
        await shown.press("end")
        await shown.wait_for("and 100 more nodes")
        assert "n499" in shown.line_of("▸")
        await shown.press("slash", *"n599", "enter")
        await shown.wait_for("▸ ○ PENDING   n599")
        await shown.press("down", "up", "3")
        await shown.wait_for("4 of 600 nodes: those around n599")
        assert "n596" in shown.text

    look(shared, play, task)


def test_all_about_a_node(shared: DaemonProcess, connection: Connection) -> None:
    """Enter shows how its attempts ended and what it was given; `o` what its command wrote."""
    there = scene(connection)
    files = AttemptFiles(shared.home / DIRECTORY, there.task, there.nodes["build"], 1)
    create_file(files.log("stdout"))
    append(files.log("stdout"), b"cc main.c\n\x1b[31mwarning\x1b[0m: \xff unused\n")

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.press("o")
        await shown.wait_for("log of attempt 1: build")
        assert r"\x1b[31mwarning\x1b[0m:" in shown.text
        await shown.press("escape", "down", "enter")
        await shown.wait_for("failed")
        await shown.wait_for('{"message":"3 tests fail"}')
        assert there.nodes["test"] in shown.text
        await shown.press("escape", "o")
        await shown.wait_for("Nothing that was written for this node is kept")
        await shown.press("escape", "question_mark")
        await shown.wait_for("keys and signs")

    look(shared, play, there.task)


def test_what_is_shared(shared: DaemonProcess, connection: Connection) -> None:
    """Limits say that they are full or closed, locks who has them; workers who is at work."""
    connection.call("SetLimit", name="gpu", max_running=1)
    connection.call("SetLimit", name="api", max_running=9)
    connection.call("CloseLimit", name="api", for_secs=600, reason="quota")
    nodes = [{"name": "train", "limits": ["gpu"]}, {"name": "tune", "limits": ["gpu"]}]
    task = connection.call("RegisterTask", goal="models", initial_nodes=nodes)["task_id"]
    acquire(connection, task, "trainer")
    connection.call("AcquireResourceLock", resource_key="repo:main", owner="merger")

    async def play(shown: Shown) -> None:
        await shown.press("4")
        await shown.wait_for("■ full")
        assert shown.line_of("■ full").split()[-3:] == ["gpu", "1/1", "1"]
        assert shown.line_of("⊘ closed").split()[-1] == "quota"
        assert shown.line_of("repo:main").split()[:3] == ["exclusive", "repo:main", "merger"]
        await shown.press("7")
        await shown.wait_for("trainer")
        assert shown.line_of("trainer").split()[-6:-4] == ["trainer", "1"]

    look(shared, play, task)


def test_the_journal(shared: DaemonProcess, connection: Connection) -> None:
    """It grows at its end, and Enter goes to the node that an event is about."""
    there = scene(connection, "of the journal")

    async def play(shown: Shown) -> None:
        await shown.press("6")
        await shown.wait_for("40 % comp")
        held = acquire(connection, there.task, "late")
        await shown.wait_for(lambda: '"late"' in shown.line_of("▸"))
        await shown.press("enter")
        await shown.wait_for("of the journal")
        await shown.wait_for(lambda: "docs" in shown.line_of("▸"))
        assert held["node_id"] == shown.app.main.node_id

    look(shared, play)


def test_a_daemon_that_comes_back(daemon: DaemonProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away that is said; then what is shown is what TaskStatus says, without a key."""
    monkeypatch.setenv("AGENTD_HOME", str(daemon.home))
    with daemon.connect() as connection:
        there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        daemon.kill()
        await shown.wait_for("AWAY")
        await shown.press("p")
        await shown.wait_for("! ")
        daemon.start()
        with daemon.connect() as connection:
            lease = {"task_id": there.task, "node_id": there.nodes["build"]}
            connection.call("CompleteNode", **lease, lease_id=there.lease)
            await shown.wait_for("LIVE")
            await shown.wait_for("◎ runnable  later")

    look(daemon, play, there.task)


def test_a_mouse(shared: DaemonProcess, connection: Connection) -> None:
    """A click chooses a tab or a line; a second one opens it."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        await shown.wait_for("held by")
        await shown.click("#nodes", 10, 3)
        await shown.wait_for(lambda: "review" in shown.line_of("▸"))
        await shown.click("#nodes", 10, 3, times=2)
        await shown.wait_for("asks      Good enough?")
        await shown.press("escape")
        await shown.click("#tabs", "  1 Tasks  2 Nodes  3 Gr".index("3"), 0)
        await shown.wait_for("a node stands below")

    look(shared, play, there.task)


@pytest.mark.parametrize("size", [(1, 1), (39, 12)], ids=str)
def test_a_screen_of_any_size(
    shared: DaemonProcess, connection: Connection, size: tuple[int, int]
) -> None:
    """Where there is little room, little is seen; nothing fails."""
    there = scene(connection)

    async def play(shown: Shown) -> None:
        for key in ("3", "4", "5", "6", "7", "1", "c", "escape", "question_mark", "escape"):
            await shown.press(key)

    look(shared, play, there.task, size)


def test_the_picture_in_the_documents(daemon: DaemonProcess) -> None:
    """It shows what `agentd top` shows; else `make pictures` draws it anew."""
    drawn = top_picture(daemon.home).decode()
    assert words_of(PICTURE.read_text(encoding="utf-8")) == words_of(drawn)
