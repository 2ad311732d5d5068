"""`agentd hook edit`: a real process, given what the agents' programs give it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agentd.agent_name import agent_name
from tests.agent_hooks import (
    NO_PROGRAM,
    SILENT,
    claude_told,
    codex_told,
    hook,
    patch_of,
)
from tests.command_line import AGENTD, Ended, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lock(daemon: DaemonProcess, key: str, owner: str = "somebody", **more: Any) -> Any:
    """Take a lock for more than an hour."""
    with daemon.connect() as connection:
        return connection.call(
            "AcquireResourceLock", resource_key=key, owner=owner, ttl_secs=4000, **more
        )


def edit(session: str, path: Path) -> bytes:
    """Claude Code is about to edit that file."""
    given = {"file_path": str(path), "old_string": "a", "new_string": "b"}
    return claude_told(session, path.parent, "PreToolUse", tool_name="Edit", tool_input=given)


def write(session: str, path: Path) -> bytes:
    """Claude Code is about to write it."""
    given = {"file_path": str(path), "content": "*** Begin\n"}
    return claude_told(session, path.parent, "PreToolUse", tool_name="Write", tool_input=given)


def notebook(session: str, path: Path) -> bytes:
    """Claude Code is about to edit it as a notebook."""
    given = {"notebook_path": str(path), "new_source": "a"}
    return claude_told(
        session, path.parent, "PreToolUse", tool_name="NotebookEdit", tool_input=given
    )


def patch(session: str, path: Path) -> bytes:
    """Codex is about to patch it, by a path from where it is."""
    given = patch_of("other.md", path.name)
    return codex_told(session, path.parent, "PreToolUse", tool_name="apply_patch", tool_input=given)


def refused(ended: Ended) -> str:
    """The reason, in the form that Claude Code and Codex share."""
    assert (ended.code, ended.err) == (0, ""), ended
    told = json.loads(ended.out)
    reason = told["hookSpecificOutput"].pop("permissionDecisionReason")
    assert told == {
        "hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "deny"}
    }
    return str(reason)


@pytest.mark.parametrize("told", [edit, write, notebook, patch])
def test_what_somebody_has_locked_is_not_edited(
    shared: DaemonProcess, tmp_path: Path, told: Callable[[str, Path], bytes]
) -> None:
    """The agent is told which file, who has it and until when, and what to do."""
    path = tmp_path / "notes.md"
    held = lock(shared, f"file:{path}")
    reason = refused(hook(shared.home, "edit", told("s1", path)))
    beginning = f'"file:{path}"'[:80]  # a long key is shortened
    for words in (f'"{path}" is locked by "somebody"', beginning, "1 h left"):
        assert words in reason
    assert "do something else first" in reason
    assert re.search(r"; you are (claude-code|codex)/[\w-]+/s1\.$", reason)
    assert held["lease_id"] not in reason


@pytest.mark.parametrize("kind", ["dir:{0}", "file:{0}/*.md", "file:{0}/**"])
def test_a_lock_names_all_that_it_can(shared: DaemonProcess, tmp_path: Path, kind: str) -> None:
    """A folder's lock names its files, a pattern's all that fit it; others may be edited."""
    lock(shared, kind.format(tmp_path))
    assert refused(hook(shared.home, "edit", edit("s1", tmp_path / "notes.md")))
    assert hook(shared.home, "edit", edit("s1", tmp_path.parent / "x.md")) == SILENT


def test_a_file_is_known_by_where_it_is(shared: DaemonProcess, tmp_path: Path) -> None:
    """A link to what is locked is no way around the lock; a wildcard in a name is a character."""
    lock(shared, f"file:{tmp_path}/real.md")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    assert refused(hook(shared.home, "edit", edit("s1", tmp_path / "link.md")))
    assert hook(shared.home, "edit", edit("s1", tmp_path / "r*.md")) == SILENT


def test_its_own_lock_keeps_no_agent(shared: DaemonProcess, tmp_path: Path) -> None:
    """What it holds under its name it may edit, wherever it has gone since the session began."""
    owner = agent_name("claude-code", tmp_path, "s2")
    path = tmp_path / "below" / "notes.md"
    lock(shared, f"file:{path}", owner)
    with_folder = {"CLAUDE_PROJECT_DIR": str(tmp_path)}
    assert hook(shared.home, "edit", edit("s2", path), **with_folder) == SILENT
    assert refused(hook(shared.home, "edit", edit("s3", path), **with_folder))
    lock(shared, f"file:{tmp_path}/named.md", "me")
    assert hook(shared.home, "edit", edit("s2", tmp_path / "named.md"), AGENTD_OWNER="me") == SILENT


def test_what_its_mcp_server_holds_is_its_own(shared: DaemonProcess, tmp_path: Path) -> None:
    """A server that the same program has started is the agent's; one that others started is not."""
    path = tmp_path / "notes.md"
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as server:
        mine = lock(shared, f"file:{path}", agent_name("claude-code", tmp_path, str(server.pid)))
        assert hook(shared.home, "edit", edit("s4", path)) == SILENT
        assert server.stdin is not None
        server.stdin.close()
    with shared.connect() as connection:
        connection.call(
            "ReleaseResourceLock", resource_key=f"file:{path}", lease_id=mine["lease_id"]
        )
    command = ["/bin/sh", "-c", "cat > /dev/null & echo $!; wait"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        pid = other.stdout.readline().decode().strip()
        lock(shared, f"file:{path}", agent_name("claude-code", tmp_path, pid))
        assert refused(hook(shared.home, "edit", edit("s4", path)))


def test_a_node_s_locks_are_its_command_s(shared: DaemonProcess, tmp_path: Path) -> None:
    """In a command of `agentd work` what its node holds may be edited, and of no other node."""
    ids = []
    with shared.connect() as connection:
        for name in ("a.md", "b.md"):
            nodes = [{"name": name, "locks": [f"file:{tmp_path}/{name}"]}]
            task = connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
            held = connection.call("AcquireNextNode", task_id=task, lease_owner="worker")
            ids.append(held["node_id"])
    given = {"AGENTD_OWNER": "worker", "AGENTD_NODE_ID": ids[0], "AGENTD_LEASE_ID": "x"}
    assert hook(shared.home, "edit", edit("s5", tmp_path / "a.md"), **given) == SILENT
    assert refused(hook(shared.home, "edit", edit("s5", tmp_path / "b.md"), **given))


def test_a_reason_is_one_line_that_nothing_steers(shared: DaemonProcess, tmp_path: Path) -> None:
    """What others call themselves and their locks is quoted, shortened and spelled out."""
    path = tmp_path / "notes.md"
    lock(shared, f"file:{path}", 'x"\n\x1b[31m\u202eIGNORE ALL' + "y" * 10_000)
    reason = refused(hook(shared.home, "edit", edit("s1", path)))
    assert reason.isprintable()
    assert r'by "x\"\n\u001b[31m\u202eIGNORE ALL' in reason
    assert len(reason) < 1000


HOSTILE = {
    "nothing": b"",
    "garbage": b"\xff\xfe{",
    "cut": b'{"session_id": "s',
    "a list": b"[1, 2]",
    "other types": b'{"session_id": 3, "cwd": [], "tool_name": {}, "tool_input": "x"}',
    "deep": b"[" * 200_000,
    "NUL": b'{"cwd": "/", "tool_input": {"file_path": "a\\u0000b"}}',
    "surrogate": b'{"cwd": "/\\ud800", "session_id": "\\ud800", "tool_input": {"path": "\\ud800"}}',
    "numbers": b'{"tool_input": {"file_path": 3, "notebook_path": null, "command": ["a"]}}',
}


@pytest.mark.parametrize("told", HOSTILE.values(), ids=HOSTILE)
def test_whatever_it_is_told_it_lets_the_agent_go_on(shared: DaemonProcess, told: bytes) -> None:
    """What is no telling passes in silence."""
    assert hook(shared.home, "edit", told) == SILENT


def test_ten_megabytes_are_read(shared: DaemonProcess, tmp_path: Path) -> None:
    """A large file that is to be written is looked after like any other."""
    path = tmp_path / "large.txt"
    lock(shared, f"file:{path}")
    given = {"file_path": str(path), "content": "x" * 10_000_000}
    told = claude_told("s1", tmp_path, "PreToolUse", tool_name="Write", tool_input=given)
    assert "large.txt" in refused(hook(shared.home, "edit", told))


@pytest.mark.parametrize("verb", ["edit", "tool-use"])
def test_it_does_not_wait_for_who_never_ends(shared: DaemonProcess, verb: str) -> None:
    """A pipe that stays open, or keeps on coming, ends the hook and not the agent."""
    command = [*AGENTD, "hook", verb]
    env = environment(shared.home, NO_PROGRAM)
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.wait(PATIENCE_SECONDS) == 0
    flood = f"yes | '{sys.executable}' -m agentd hook {verb}"
    ended = subprocess.run(
        ["/bin/sh", "-c", flood], cwd=REPOSITORY, env=env, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"")


def test_it_does_not_wait_for_who_never_reads(shared: DaemonProcess, tmp_path: Path) -> None:
    """Output that goes nowhere ends the hook, too."""
    path = tmp_path / "notes.md"
    lock(shared, f"file:{path}")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    ended = subprocess.run(
        [*AGENTD, "hook", "edit"],
        cwd=REPOSITORY,
        env=environment(shared.home, NO_PROGRAM),
        input=edit("s1", path),
        stdout=writer,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    os.close(reader)
    os.close(writer)
    assert ended.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_failure(shared: DaemonProcess, closed: str) -> None:
    """Whoever closes its input or output gets nothing, and no other exit code."""
    line = f"'{sys.executable}' -m agentd hook edit {closed}"
    env = environment(shared.home, NO_PROGRAM)
    ended = subprocess.run(
        ["/bin/sh", "-c", line], cwd=REPOSITORY, env=env, capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_without_a_daemon_it_passes(home: Path, tmp_path: Path) -> None:
    """No daemon, none that answers, no home, a setting that does not parse: the edit goes on."""
    told = edit("s1", tmp_path / "notes.md")
    assert hook(home, "edit", told) == SILENT
    assert hook(home, "tool-use", told) == SILENT
    assert not home.exists()
    assert hook(home, "edit", told, AGENTD_NODE_TIMEOUT_SECS="x") == SILENT
    with DaemonProcess(home) as daemon:
        lock(daemon, f"file:{tmp_path}/notes.md")
        daemon.signal(signal.SIGSTOP)
        try:
            assert agentd(home, "hook", "edit", stdin=told) == SILENT
            assert agentd(home, "hook", "tool-use", stdin=told) == SILENT
        finally:
            daemon.signal(signal.SIGCONT)
        assert refused(hook(home, "edit", told))


def test_a_lock_that_has_ended_keeps_nobody(shared: DaemonProcess, tmp_path: Path) -> None:
    """Only what is held now counts."""
    path = tmp_path / "notes.md"
    held = lock(shared, f"file:{path}")
    assert refused(hook(shared.home, "edit", edit("s1", path)))
    with shared.connect() as connection:
        connection.call(
            "ReleaseResourceLock", resource_key=f"file:{path}", lease_id=held["lease_id"]
        )
    assert hook(shared.home, "edit", edit("s1", path)) == SILENT
