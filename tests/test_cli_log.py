"""`agentd node log`: what a command wrote, when it has ended or while it works."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agentd import Client
from agentd.results.kept_stream import HEAD_BYTES, PART_BYTES
from tests.command_line import AGENTD, COLUMNS, agentd, agentd_here, on_a_terminal_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.working import node, task, waiting, work

FLOOD = 2_000_000
LEFT_OUT = 1_048_576
"""Of a flood: the 2,000,000 bytes without the first half MiB, the part begun last, one before."""


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def flooded(shared: DaemonProcess) -> str:
    """A task whose only node's command has written much, a line for each 8 bytes."""
    with Client(shared.socket_path) as opened:
        task_id = task(opened, {"name": "a"})
    work(shared, task_id, f"seq -f %07.0f {FLOOD // 8}; echo bad >&2; exit 3")
    return task_id


def lines(begin: int, end: int) -> str:
    """The lines of a flood between two bytes."""
    return "".join(f"{number:07}\n" for number in range(begin // 8 + 1, end // 8 + 1))


HEAD, TAIL = lines(0, HEAD_BYTES), lines(HEAD_BYTES + LEFT_OUT, FLOOD)


def log(shared: DaemonProcess, *arguments: str) -> str:
    """What the verb prints in a pipe."""
    ended = agentd_here(shared.home, "node", "log", *arguments)
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def test_in_a_pipe(shared: DaemonProcess, client: Client) -> None:
    """Byte for byte, standard output first; `--stream` shows one of them."""
    task_id = task(client, {"name": "a"})
    work(shared, task_id, r"printf 'a\033[31m\r\nb'; echo bad >&2; exit 1")
    assert log(shared, task_id, "a") == "a\x1b[31m\r\nbbad\n"
    assert log(shared, task_id[:18], node(client, task_id).id[-8:], "--stream", "stderr") == "bad\n"


def test_which_attempt(shared: DaemonProcess, client: Client) -> None:
    """The newest, or the one that is asked for."""
    retry = {"max_attempts": 2, "backoff_secs": 0}
    made = client.register_task("g", initial_nodes=[{"name": "a", "retry": retry}])
    work(shared, made.task_id, "grep -o '\"attempt\":[0-9]' | head -n 1; exit 1")
    assert log(shared, made.task_id, "a") == '"attempt":2\n'
    assert log(shared, made.task_id, "a", "--attempt", "1") == '"attempt":1\n'


def test_what_is_left_out(shared: DaemonProcess, flooded: str) -> None:
    """The beginning and the newest are there, and standard error says how much is not."""
    ended = agentd_here(shared.home, "node", "log", flooded, "a", "--stream", "stdout")
    assert ended.out == HEAD + TAIL
    assert ended.error == f"agentd: {LEFT_OUT:,} bytes of stdout are left out here"


def test_on_a_terminal(shared: DaemonProcess, client: Client, flooded: str) -> None:
    """Headings tell the streams apart, text moves no cursor, and what is left out has a line."""
    task_id = task(client, {"name": "a"})
    work(shared, task_id, r"printf 'a\033[31m\tb\r\nc'; echo bad >&2; exit 1")
    ended = on_a_terminal_here(shared.home, "node", "log", task_id, "a", NO_COLOR="1")
    assert ended.plain.splitlines() == [
        "--- stdout of attempt 1 (failed) ---",
        "a\\x1b[31m       b",
        "c",
        "--- stderr of attempt 1 (failed) ---",
        "bad",
    ]
    shown = on_a_terminal_here(shared.home, "node", "log", flooded, "a").plain
    between = f"{HEAD[-8:]}[{LEFT_OUT:,} bytes are left out here]\n{TAIL[:8]}"
    assert between in shown
    assert max(map(len, shown.splitlines())) <= COLUMNS


def test_nothing_was_written(shared: DaemonProcess, client: Client) -> None:
    """A terminal is told so; a pipe gets nothing."""
    task_id = task(client, {"name": "a"})
    work(shared, task_id, "true")
    ended = on_a_terminal_here(shared.home, "node", "log", task_id, "a")
    assert ended.plain == "attempt 1 (completed) has written nothing"
    assert log(shared, task_id, "a") == ""


def test_as_json(shared: DaemonProcess, client: Client, flooded: str) -> None:
    """One envelope: texts, and how many bytes of each are left out."""
    data = json.loads(log(shared, flooded, "a", "--json"))["data"]
    assert data == {
        "attempt": 1,
        "status": "failed",
        "stdout": f"{HEAD}\n[{LEFT_OUT:,} bytes are left out here]\n{TAIL}",
        "stderr": "bad\n",
        "left_out": {"stdout": LEFT_OUT, "stderr": 0},
    }
    task_id = task(client, {"name": "a"})
    work(shared, task_id, r"printf 'a\377b\303'")
    data = json.loads(log(shared, task_id, "a", "--json", "--stream", "stdout"))["data"]
    assert (data["stdout"], data["left_out"]) == ("a\ufffdb\ufffd", {"stdout": 0})


def test_a_character_that_stands_in_two_files(shared: DaemonProcess, client: Client) -> None:
    """It is one character, wherever the file of a stream ends."""
    task_id = task(client, {"name": "a"})
    work(shared, task_id, f"head -c {HEAD_BYTES - 1} /dev/zero | tr '\\0' x; printf 'ä'")
    data = json.loads(log(shared, task_id, "a", "--json"))["data"]
    assert data["stdout"] == "x" * (HEAD_BYTES - 1) + "ä"
    shown = on_a_terminal_here(shared.home, "node", "log", task_id, "a").plain
    assert shown.endswith("xä")


# Nothing is kept


def refusal(shared: DaemonProcess, *arguments: str) -> dict[str, Any]:
    """What is said where there is nothing to show."""
    ended = agentd_here(shared.home, "node", "log", *arguments, "--json")
    assert ended.code == 1
    error: dict[str, Any] = json.loads(ended.out)["error"]
    assert error["kind"] == "nothing_kept"
    return error


def test_an_attempt_that_never_was(shared: DaemonProcess, client: Client, flooded: str) -> None:
    """It says which is the newest, if any is."""
    assert (
        "nobody has worked on the node yet"
        in refusal(shared, task(client, {"name": "a"}), "a")["message"]
    )
    told = refusal(shared, flooded, "a", "--attempt", "2")["message"]
    assert told == "there was no attempt 2 yet: the newest is 1"


def test_an_attempt_of_another_worker(shared: DaemonProcess, client: Client) -> None:
    """It says whose it was, why nothing can be here, and what there is."""
    retry = {"max_attempts": 2, "backoff_secs": 0}
    made = client.register_task("g", initial_nodes=[{"name": "a", "retry": retry}])
    work(shared, made.task_id, "exit 1", "--max-failures", "1")
    client.acquire_next_node(made.task_id, lease_owner="by hand")
    told = refusal(shared, made.task_id, "a")["message"]
    assert told.startswith(f"nothing of attempt 2 (by by hand) is kept in {shared.home}/results:")
    assert "not a worker in Python" in told
    assert "AGENTD_LOG_BYTES" in told
    assert told.endswith("; kept of this node: 1 (`--attempt N`)")


@pytest.mark.parametrize("given", [["--attempt", "0"], ["--attempt", "x"], ["--stream", "both"]])
def test_what_is_no_attempt_and_no_stream(shared: DaemonProcess, given: list[str]) -> None:
    """It is a usage error."""
    ended = agentd_here(shared.home, "node", "log", "T", "a", *given)
    assert ended.code == 2
    assert given[1] in ended.err


# As it comes


@contextmanager
def following(shared: DaemonProcess, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The verb with `--follow`, in a pipe."""
    with subprocess.Popen(
        [*AGENTD, "node", "log", *arguments, "--follow"],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def gated(gate: Path, after: str) -> str:
    """A script that says that it begins, and goes on when somebody writes to the gate."""
    return f"echo begins; echo begins >&2; read _ <{gate}; {after}"


def begin(worker: subprocess.Popen[str]) -> None:
    """Wait until the command has begun."""
    assert worker.stderr is not None
    for _ in range(2):
        while not worker.stderr.readline().endswith("begins\n"):
            pass


def test_following(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """What was written comes at once, what is written as it comes; it ends with the attempt."""
    task_id, gate = task(client, {"name": "a"}), tmp_path / "gate"
    os.mkfifo(gate)
    with waiting(shared, task_id, gated(gate, "echo more; exit 3")) as worker:
        begin(worker)
        with following(shared, task_id, "a", "--stream", "stdout") as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == "begins\n"
            assert follower.poll() is None
            gate.write_text("go\n")
            assert follower.communicate(timeout=PATIENCE_SECONDS) == ("more\n", "")
            assert follower.returncode == 0
        worker.communicate(timeout=PATIENCE_SECONDS)


def test_following_a_flood(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """Whatever it has missed is told in its place; nothing comes twice or is lost in silence."""
    task_id, gate = task(client, {"name": "a"}), tmp_path / "gate"
    os.mkfifo(gate)
    with waiting(shared, task_id, gated(gate, f"seq -f %07.0f {FLOOD // 2}")) as worker:
        begin(worker)
        with following(shared, task_id, "a", "--stream", "stdout", "--json") as follower:
            gate.write_text("go\n")
            told, _ = follower.communicate(timeout=PATIENCE_SECONDS)
        worker.communicate(timeout=PATIENCE_SECONDS)
    pages = [json.loads(line)["data"] for line in told.splitlines()]
    missed = sum(page["left_out"]["stdout"] for page in pages)
    text = "".join(page["stdout"] for page in pages)
    notes = re.findall(r"\n\[([\d,]+) bytes are left out here\]\n", text)
    assert sum(int(number.replace(",", "")) for number in notes) == missed
    seen = re.sub(r"\n\[[\d,]+ bytes are left out here\]\n", "", text)
    assert len(seen) + missed == len("begins\n") + FLOOD // 2 * 8
    assert seen.endswith(lines(FLOOD * 4 - PART_BYTES, FLOOD * 4))
    numbers = [int(line) for line in seen.splitlines() if len(line) == 7 and line.isdigit()]
    assert numbers == sorted(set(numbers))


def test_following_while_the_daemon_is_killed(daemon: DaemonProcess, tmp_path: Path) -> None:
    """The files are there without it: it is waited for, and tells the end when it is back."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with Client(daemon.socket_path) as client:
        task_id = task(client, {"name": "a"})
    with waiting(daemon, task_id, gated(gate, "echo more")) as worker:
        begin(worker)
        with following(daemon, task_id, "a", "--stream", "stdout") as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == "begins\n"
            daemon.kill()
            gate.write_text("go\n")
            assert follower.stdout.readline() == "more\n"
            daemon.start()
            assert follower.communicate(timeout=PATIENCE_SECONDS) == ("", "")
            assert follower.returncode == 0
        worker.communicate(timeout=PATIENCE_SECONDS)


def test_following_what_has_ended(shared: DaemonProcess, flooded: str) -> None:
    """All of it is shown, and that is the end."""
    ended = agentd(shared.home, "node", "log", flooded, "a", "--follow")
    assert (ended.code, ended.out) == (0, f"{HEAD}{TAIL}bad\n")


def test_a_reader_that_had_enough(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """It ends when nobody reads it any more, though nothing is written."""
    task_id, gate = task(client, {"name": "a"}), tmp_path / "gate"
    os.mkfifo(gate)
    with waiting(shared, task_id, gated(gate, "true")) as worker:
        begin(worker)
        with following(shared, task_id, "a", "--stream", "stdout") as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline() == "begins\n"
            follower.stdout.close()
            assert follower.wait(PATIENCE_SECONDS) == 0
