"""`agentd lock`: taken, given back, listed, and held while a command runs."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command_line import AGENTD, Ended, agentd_here, on_a_terminal_here
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess, environment

HELD = 75
USAGE = 2
TTL = "3s"
"""How long a short lock lasts: a heartbeat may be late by two thirds of it."""


def lock(shared: DaemonProcess, *arguments: str) -> Ended:
    """How a verb of locks ended, in this process."""
    return agentd_here(shared.home, "lock", *arguments)


def taken(shared: DaemonProcess, key: str, *more: str) -> str:
    """The lease of a lock that is taken."""
    ended = lock(shared, "acquire", key, *more)
    assert (ended.code, ended.err) == (0, ""), ended
    return ended.out.strip()


def held(shared: DaemonProcess, prefix: str) -> list[list[str]]:
    """The fields of the locks whose keys begin so."""
    ended = lock(shared, "list", "--prefix", prefix)
    assert (ended.code, ended.err) == (0, "")
    return [line.split("\t") for line in ended.out.splitlines()]


# Taking and giving back


def test_a_lock_that_is_taken(shared: DaemonProcess) -> None:
    """Its lease is printed, and gives it back; once."""
    lease = taken(shared, "taken/a", "--owner", "ann\tb", "--ttl", "90s")
    ((key, mode, owner, same, acquired, ends, task, node, provider),) = held(shared, "taken/")
    assert (key, mode, owner, same) == ("taken/a", "exclusive", "ann\\tb", lease)
    assert int(ends) - int(acquired) == 90
    assert (task, node, provider) == ("", "", "")
    assert lock(shared, "release", "taken/a", lease) == (0, "", "")
    assert held(shared, "taken/") == []
    again = lock(shared, "release", "taken/a", lease)
    assert again.code == 1
    assert again.error.endswith("(lock_not_held)")


@pytest.mark.parametrize("key", ["", "file:", "dir:"])
def test_a_key_that_says_nothing(shared: DaemonProcess, key: str) -> None:
    """What an empty variable leaves of a key locks nothing, and nothing runs under it."""
    for verb in (("acquire", key), ("run", key, "--", "true")):
        ended = lock(shared, *verb)
        assert (ended.code, ended.out) == (2, "")
        assert ("names no path" if key else "the key is empty") in ended.err


def test_a_lock_that_somebody_has(shared: DaemonProcess) -> None:
    """The exit code says so, and the line who has what, until when; also for programs."""
    taken(shared, "dir:/srv/src", "--owner", "ann")
    ended = lock(shared, "acquire", "file:/srv/src/*.py", "--wait", "0")
    assert (ended.code, ended.out) == (HELD, "")
    assert ended.error.startswith(
        "agentd: file:/srv/src/*.py is held by 'ann' as dir:/srv/src until 20"
    )
    told = json.loads(lock(shared, "acquire", "dir:/srv/src", "--json").out)["error"]
    assert told["kind"] == "lock_held"
    assert told["message"].startswith("dir:/srv/src is held by 'ann' until 20")
    assert "agentd lock list" in told["next"]


def test_a_lock_that_is_shared(shared: DaemonProcess) -> None:
    """By those who all share it."""
    leases = {taken(shared, "shared/a", "--shared") for _ in range(2)}
    assert {row[3] for row in held(shared, "shared/")} == leases
    assert lock(shared, "acquire", "shared/a").code == HELD


def test_a_lock_that_is_waited_for(shared: DaemonProcess) -> None:
    """What it waits for is told at once; it is had when it is free, and else the time is over."""
    lease = taken(shared, "waited/a", "--owner", "ann")
    over = lock(shared, "acquire", "waited/a", "--wait", "0.1s")
    first, last = over.err.splitlines()
    assert first.startswith("agentd: waited/a is held by 'ann' until ")
    assert first.endswith(": waiting, 0.1s at most")
    assert over.code == HELD
    assert first.startswith(last)
    with begun(shared, "acquire", "waited/a", "--wait", "1d") as process:
        assert process.stderr is not None
        assert b"waiting, 1d at most" in process.stderr.readline()
        assert lock(shared, "release", "waited/a", lease).code == 0
        assert process.wait(PATIENCE_SECONDS) == 0


def test_paths_are_meant_from_here(
    shared: DaemonProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the same file from elsewhere meets the lock."""
    monkeypatch.chdir(tmp_path)
    lease = taken(shared, "file:a.py")
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert lock(shared, "acquire", "dir:..").code == HELD
    assert [row[0] for row in held(shared, "file:../")] == [f"file:{tmp_path}/a.py"]
    assert lock(shared, "release", "file:../a.py", lease).code == 0


def test_of_a_node(shared: DaemonProcess) -> None:
    """Inside of a command of `agentd work` it ends with the node's lease; not with a --ttl."""
    with shared.connect() as connection:
        task = connection.call("RegisterTask", goal="g", initial_nodes=[{"name": "a"}])["task_id"]
        lease = connection.call("AcquireNextNode", task_id=task)
        ids = {"task_id": task, "node_id": lease["node_id"], "lease_id": lease["lease_id"]}
        work = {f"AGENTD_{name.upper()}": value for name, value in ids.items()}
        for key, more in (("of-node/bound", []), ("of-node/free", ["--ttl", "5m"])):
            command = [*AGENTD, "lock", "acquire", key, *more]
            subprocess.run(command, env=environment(shared.home, work), check=True)
        found = lock(shared, "list", "--task", task).out
        assert [line.split("\t")[0] for line in found.splitlines()] == ["of-node/bound"]
        connection.call("CompleteNode", **ids)
    assert [row[0] for row in held(shared, "of-node/")] == ["of-node/free"]
    ended = lock(shared, "acquire", "of-node/a", "--task", task, "--node", "a")
    assert ended.code == 0
    assert held(shared, "of-node/a")[0][6:8] == [task, ids["node_id"]]
    assert "give --task, too" in lock(shared, "acquire", "x", "--node", "a").err


def test_on_a_terminal(shared: DaemonProcess) -> None:
    """A person sees what to type next, and a table that fits."""
    shown = on_a_terminal_here(shared.home, "lock", "acquire", "seen/\x1b[31m" + "x" * 100)
    assert shown.code == 0
    first, second, third = shown.plain.splitlines()
    assert first == "lock     seen/\\x1b[31m" + "x" * 100
    lease = second.split()[1].rstrip(",")
    assert third.startswith("then     agentd lock release 'seen/")
    assert third.endswith(lease)
    table = on_a_terminal_here(shared.home, "lock", "list", "--prefix", "seen/")
    assert table.width <= 80
    assert table.plain.splitlines()[0].split() == ["KEY", "MODE", "OWNER", "LEFT"]
    none = on_a_terminal_here(shared.home, "lock", "list", "--prefix", "none/")
    assert none.plain == "no such lock is held"


# A command that runs


@contextmanager
def begun(shared: DaemonProcess, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A verb of locks in a process of its own."""
    process = subprocess.Popen(
        [*AGENTD, "lock", *arguments],
        env=environment(shared.home, {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_a_command_that_runs(shared: DaemonProcess) -> None:
    """It has all its locks, its exit code is the verb's, and then nothing is locked."""
    listing = f"{' '.join(AGENTD)} lock list --prefix ran/; exit 5"
    with begun(shared, "run", "ran/b", "ran/a", "ran/b", "--", "sh", "-c", listing) as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (5, b"")
    assert [line.split("\t")[0] for line in out.decode().splitlines()] == ["ran/a", "ran/b"]
    assert held(shared, "ran/") == []


def test_a_command_that_may_not_run(shared: DaemonProcess, tmp_path: Path) -> None:
    """Where one of its locks is somebody else's, or there is no such program, nothing is locked."""
    taken(shared, "refused/b")
    ended = lock(shared, "run", "refused/b", "refused/a", "--", "true")
    assert ended.code == HELD
    assert [row[0] for row in held(shared, "refused/")] == ["refused/b"]
    assert lock(shared, "run", "refused/a", "--", "no-such-program").code == 127
    (tmp_path / "file").touch()
    assert lock(shared, "run", "refused/a", "--", str(tmp_path / "file")).code == 126
    assert "the command stands behind `--`" in lock(shared, "run", "refused/a").err
    ended = lock(shared, "run", "dir:/refused", "file:/refused/a", "--", "true")
    assert ended.code == USAGE  # not "not now", which a worker would try again and again
    assert "dir:/refused is in the way of file:/refused/a" in ended.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped(
    shared: DaemonProcess, number: signal.Signals, code: int
) -> None:
    """The signal ends it, and the locks are given back."""
    with begun(shared, "run", "stopped/a", "--", "sh", "-c", "echo up; exec sleep 1000") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == code
    assert held(shared, "stopped/") == []


def test_a_lock_that_is_lost(shared: DaemonProcess) -> None:
    """The command is ended with all that it started, and why is told."""
    script = "sleep 1000 & echo up; wait"
    options = ["lost/a", "lost/b", "--ttl", TTL]
    with begun(shared, "run", *options, "--", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"up\n"
        lease = held(shared, "lost/a")[0][3]
        assert lock(shared, "release", "lost/a", lease).code == 0
        assert process.wait(PATIENCE_SECONDS) == 1
        assert process.stdout.read() == b""
        told = process.stderr.read().decode()
    assert told.startswith("agentd: the command was ended: the lock on lost/a is lost: ")
    assert held(shared, "lost/") == []


def test_a_lock_that_is_kept(shared: DaemonProcess) -> None:
    """Heartbeats have it last longer, again and again."""
    options = ["kept/a", "--ttl", TTL]
    with (
        begun(shared, "run", *options, "--", "sh", "-c", "echo up; cat") as process,
        shared.connect() as connection,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        seen = connection.call("WatchEvents")["last_seq"]
        for _ in range(4):  # they come at a third of its length
            answer = connection.call(
                "WatchEvents", after_seq=seen, kinds=["EXTEND_LOCK"], wait_secs=60
            )
            assert answer["events"][0]["payload"]["resource_key"] == "kept/a"
            seen = answer["last_seq"]
        out, err = process.communicate(b"", PATIENCE_SECONDS)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_without_a_daemon(home: Path) -> None:
    """Nothing runs; the line says what to do."""
    home.mkdir()
    for arguments in (["acquire", "a"], ["list"], ["run", "a", "--", "true"]):
        ended = agentd_here(home, "lock", *arguments)
        assert (ended.code, ended.out) == (3, "")
        assert "no socket at" in ended.error
    assert not any(home.iterdir())


def test_what_was_locked_then(shared: DaemonProcess) -> None:
    """`list --at` shows who had a lock at a seq, though nobody has it any more."""
    key = "then/a"
    lease = taken(shared, key)
    with shared.connect() as connection:
        seq = connection.call("WatchEvents")["last_seq"]
    assert lock(shared, "release", key, lease).code == 0
    assert held(shared, "then/") == []
    then = lock(shared, "list", "--prefix", "then/", "--at", str(seq))
    assert [line.split("\t")[0] for line in then.out.splitlines()] == [key]
