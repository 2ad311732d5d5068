"""`agentd hook tool-use`: an agent that is at work keeps what it holds."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Raw

from agentd.agent_name import agent_name
from agentd.api import ResourceLockView
from agentd.cli.hook.keeping import _extend_lock
from tests.agent_hooks import SILENT, claude_told, hook
from tests.tcp import TcpDaemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import DaemonProcess


def used(session: str, folder: Path) -> bytes:
    """Claude Code has used a tool."""
    given = {"command": "ls"}
    return claude_told(session, folder, "PostToolUse", tool_name="Bash", tool_input=given)


def acquired(daemon: DaemonProcess, owner: str) -> dict[str, Any]:
    """A node of a task of its own, held by that owner."""
    with daemon.connect() as connection:
        task = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
        held: dict[str, Any] = connection.call("AcquireNextNode", task_id=task, lease_owner=owner)
        return held


def heartbeats(daemon: DaemonProcess, task: str) -> int:
    """How many of them the journal has of that task's node."""
    with daemon.connect() as connection:
        asked = {"after_seq": 0, "task_id": task, "kinds": ["HEARTBEAT_NODE"]}
        return len(connection.call("WatchEvents", **asked)["events"])


def session_files(daemon: DaemonProcess) -> list[Path]:
    """What is kept of sessions."""
    return sorted((daemon.home / "agents").glob("*.json"))


def long_ago(path: Path) -> None:
    """As if it had been kept a minute ago."""
    os.utime(path, (time.time() - 60,) * 2)


def test_what_the_agent_holds_is_extended(daemon: DaemonProcess, tmp_path: Path) -> None:
    """Its own leases are, others' are not; at most once in 20 s; and what is lost is dropped."""
    own = acquired(daemon, agent_name("claude-code", tmp_path, "s1"))
    others = acquired(daemon, agent_name("claude-code", tmp_path, "s2"))
    assert hook(daemon.home, "tool-use", used("s1", tmp_path)) == SILENT
    assert (heartbeats(daemon, own["task_id"]), heartbeats(daemon, others["task_id"])) == (1, 0)
    assert hook(daemon.home, "tool-use", used("s1", tmp_path / "elsewhere")) == SILENT
    assert heartbeats(daemon, own["task_id"]) == 1
    [kept] = session_files(daemon)
    assert kept.stat().st_mode & 0o077 == 0 or kept.parent.stat().st_mode & 0o077 == 0
    long_ago(kept)
    more = acquired(daemon, agent_name("claude-code", tmp_path, "s1"))
    assert hook(daemon.home, "tool-use", used("s1", tmp_path / "elsewhere")) == SILENT
    assert (heartbeats(daemon, own["task_id"]), heartbeats(daemon, more["task_id"])) == (2, 1)
    with daemon.connect() as connection:
        gone = {name: own[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call("ReleaseNode", **gone)
    long_ago(kept)
    assert hook(daemon.home, "tool-use", used("s1", tmp_path)) == SILENT
    leases = [lease for _task, _node, lease in json.loads(kept.read_text())["held"]]
    assert leases == [more["lease_id"]]


def test_what_a_worker_holds_is_its_worker_s(daemon: DaemonProcess, tmp_path: Path) -> None:
    """In a command of `agentd work` the hook leaves the leases alone."""
    held = acquired(daemon, "worker")
    given = {"AGENTD_OWNER": "worker", "AGENTD_LEASE_ID": held["lease_id"]}
    assert hook(daemon.home, "tool-use", used("s1", tmp_path), **given) == SILENT
    assert (heartbeats(daemon, held["task_id"]), session_files(daemon)) == (0, [])


def test_what_is_kept_of_a_session_may_be_broken(daemon: DaemonProcess, tmp_path: Path) -> None:
    """A file that says nothing, or of another database, is begun anew."""
    held = acquired(daemon, "me")
    for number, text in enumerate(("{", "[]", '{"owner": "me", "seq": 99999, "held": []}'), 1):
        assert hook(daemon.home, "tool-use", used("s1", tmp_path), AGENTD_OWNER="me") == SILENT
        assert heartbeats(daemon, held["task_id"]) == number
        [kept] = session_files(daemon)
        kept.write_text(text)
        long_ago(kept)


class _Asked:
    """A client that notes which locks are extended."""

    def __init__(self) -> None:
        self.ttls: list[int] = []

    def heartbeat_resource_lock(self, _key: str, _lease: str, *, ttl_secs: int) -> None:
        self.ttls.append(ttl_secs)


@pytest.mark.parametrize(
    ("left", "extended"), [(3600, []), (2500, []), (2300, [3600]), (1, [3600])]
)
def test_a_lock_is_extended_for_as_long_as_it_was_wanted(left: int, extended: list[int]) -> None:
    """Once a third of its time is over, and for no other time."""
    client, ends = _Asked(), int(time.time()) + left
    lock = ResourceLockView(
        *("k", "l", "me", None, None, None, Raw(b"{}")),
        acquired_at=0,
        lease_expires_at=ends,
        updated_at=ends - 3600,
        mode="exclusive",
    )
    _extend_lock(client, lock)  # type: ignore[arg-type] # as much of one as is used
    assert client.ttls == extended


@pytest.mark.parametrize(("mode", "kept"), [(0o700, True), (0o755, False), (0o1777, False)])
def test_nothing_is_kept_where_others_look(mode: int, kept: object, tmp_path: Path) -> None:
    """In a directory that is open to others, which is no home of agentd's, nothing is made."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(mode)
    (home / "agentd.sock").touch()
    assert hook(home, "tool-use", used("s1", tmp_path)) == SILENT
    assert (home / "agents").exists() == kept


@pytest.mark.parametrize("verb", ["tool-use", "edit"])
def test_a_hook_at_a_tool_starts_no_daemon(verb: str, tmp_path: Path) -> None:
    """Where none runs nothing is held, and each tool would wait for one that does not start."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    given = {"file_path": "/a"}
    told = claude_told("s1", tmp_path, "PreToolUse", tool_name="Edit", tool_input=given)
    assert hook(home, verb, told, AGENTD_AUTOSTART="1") == SILENT
    assert {path.name for path in home.iterdir()} <= {"agents"}


def test_what_is_held_over_tcp_is_extended(home: Path, tmp_path: Path) -> None:
    """In a container that has the port and the secret, and no home to keep a file in."""
    with TcpDaemon(home) as daemon:
        own = acquired(daemon, agent_name("claude-code", tmp_path, "s1"))
        way = {"AGENTD_ADDRESS": daemon.address, "AGENTD_SECRET_FILE": str(home / "tcp.secret")}
        nowhere = tmp_path / "none"
        for number in (1, 2):
            assert hook(nowhere, "tool-use", used("s1", tmp_path), **way) == SILENT
            assert heartbeats(daemon, own["task_id"]) == number
        assert not nowhere.exists()
