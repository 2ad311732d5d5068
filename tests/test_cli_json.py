"""`--json`: one envelope around whatever a verb found, did, or failed at."""

import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from agentd import errors
from agentd.cli.failures import NEXT_STEPS
from tests.command_line import AGENTD, Ended, agentd, agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess, environment
from tests.graphs import DIAMOND

NOBODYS = str(UUID(int=5))


def data(ended: Ended) -> Any:
    """What the envelope of a success holds; there is nothing beside it."""
    assert ended.err == ""
    envelope = json.loads(ended.out)
    assert list(envelope) == ["ok", "data"]
    assert envelope["ok"] is True
    return envelope["data"]


def failure(ended: Ended) -> dict[str, str]:
    """What the envelope of a failure says; there is nothing beside it."""
    assert ended.err == ""
    envelope = json.loads(ended.out)
    assert list(envelope) == ["ok", "error"]
    assert envelope["ok"] is False
    assert list(envelope["error"]) == ["kind", "message", "next"]
    assert all(envelope["error"].values())
    error: dict[str, str] = envelope["error"]
    return error


# What was found or done


def test_a_session(shared: DaemonProcess) -> None:
    """Tasks and nodes come as the API answers; a registration has its names as well."""
    home = shared.home
    made = data(agentd_here(home, "task", "register", "-", "--json", stdin=DIAMOND.encode()))
    task = made["task_id"]
    assert list(made["names"]) == ["plan", "build", "docs", "publish"]
    assert list(made["names"].values()) == made["node_ids"]
    assert data(agentd_here(home, "task", "list", "--json"))["tasks"][0]["id"] == task
    held = data(agentd_here(home, "node", "acquire", task, "--json"))
    assert held["context"]["node"]["payload_schema"] == {"name": "plan"}
    lease = (task, "plan", held["lease_id"], "--json")
    assert data(agentd_here(home, "node", "heartbeat", *lease))["ok"] is True
    assert list(data(agentd_here(home, "node", "commit", *lease))) == ["event_id"]
    assert data(agentd_here(home, "node", "acquire", task, "--json")) is None
    failed = data(agentd_here(home, "node", "fail", *lease))
    assert list(failed) == ["event_id", "status", "attempt", "not_before"]
    status = data(agentd_here(home, "task", "show", task, "--json"))
    assert status["counts"] == {"PENDING": 3, "FAILED": 1}
    events = data(agentd_here(home, "task", "events", task, "--json"))
    assert events["events"][-1]["action_type"] == "FAIL_NODE"
    assert events["events"][-1]["seq"] == events["last_seq"]


def test_a_graph(shared: DaemonProcess) -> None:
    """A drawing is a text in its format."""
    made = data(agentd_here(shared.home, "task", "register", "-", "--json", stdin=DIAMOND.encode()))
    for form in ("text", "mermaid", "dot", "svg"):
        arguments = ("task", "graph", made["task_id"], "--format", form)
        found = data(agentd_here(shared.home, *arguments, "--json"))
        assert found["format"] == form
        if form != "svg":  # each has an id of its own
            assert found["text"] + "\n" == agentd_here(shared.home, *arguments).out


def test_call(shared: DaemonProcess) -> None:
    """The result of a call stands in the envelope as the daemon wrote it."""
    plain = agentd_here(shared.home, "call", "Health").out.strip()
    assert agentd_here(shared.home, "call", "Health", "--json").out.strip() == (
        f'{{"ok":true,"data":{plain}}}'
    )


def test_status_and_doctor(shared: DaemonProcess) -> None:
    """Health, metrics and findings are in `data`."""
    status = data(agentd_here(shared.home, "status", "--json"))
    assert status["socket"] == str(shared.socket_path)
    assert status["health"]["status"] == "ok"
    assert status["metrics"]["database"]["total_tasks"] >= 0
    doctor = data(agentd(shared.home, "doctor", "--json"))
    assert {finding["status"] for finding in doctor["findings"]} >= {doctor["status"]}


def test_keeping(home: Path, tmp_path: Path) -> None:
    """Backup, restore and replay say in `data` what they did and found."""
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        task = connection.call("RegisterTask", goal="g")["task_id"]
        copy = tmp_path / "copy.db"
        made = data(agentd(home, "backup", str(copy), "--json"))
    assert made["path"] == str(copy)
    assert made["size"] == copy.stat().st_size
    assert made["contents"] == {"tasks": 1, "last_seq": 1}
    assert made["lossy"] is False
    assert data(agentd(home, "replay", "--json"))["events"] == 1
    assert data(agentd(home, "replay", "--check", "--json")) == {"differences": [], "not_shown": 0}
    then = data(agentd(home, "replay", "--until", "1", "--task", task, "--json"))
    assert then["task"]["id"] == task
    restored = data(agentd(home, "restore", str(copy), "--json"))
    assert restored["path"] == str(home / "agent_state.db")
    assert restored["contents"] == made["contents"]
    assert Path(restored["kept"]).is_file()


# What went wrong


FAILURES: list[tuple[tuple[str, ...], int, str]] = [
    (("task", "show", NOBODYS, "--json"), 1, "task_not_found"),
    (("task", "show", "ffff", "--json"), 1, "task_not_found"),
    (("task", "show", "zzz", "--json"), 2, "usage"),
    (("task", "show", "--json"), 2, "usage"),
    (("bogus", "--json"), 2, "usage"),
    (("task", "list", "--limit", "0", "--json"), 2, "usage"),
    (("task", "register", "/nonexistent", "--json"), 2, "bad_document"),
    (("node", "complete", NOBODYS, NOBODYS, NOBODYS, "{", "--json"), 2, "usage"),
    (("call", "Bogus", "--json"), 1, "unknown_method"),
    (("call", "Health", "{", "--json"), 2, "usage"),
    (("call", "Health", '{"a":' * 50_000, "--json"), 2, "usage"),
    (("replay", "--json"), 4, "already_running"),
    (("backup", "/nonexistent/a.db", "--json"), 1, "failure"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "kind"), FAILURES, ids=[" ".join(a)[:60] for a, *_ in FAILURES]
)
def test_failures(shared: DaemonProcess, arguments: tuple[str, ...], code: int, kind: str) -> None:
    """Every failure has a kind, a message and what to do next, and the exit code stays the same."""
    ended = agentd_here(shared.home, *arguments)
    assert (ended.code, failure(ended)["kind"]) == (code, kind)
    bare = agentd_here(shared.home, *(each for each in arguments if each != "--json"))
    assert (bare.code, bare.out) == (code, "")


def test_without_a_daemon(home: Path) -> None:
    """A daemon that is not there is a failure with its kind."""
    ended = agentd(home, "status", "--json")
    assert ended.code == 3
    assert failure(ended)["kind"] == "no_socket"
    assert "`agentd serve --autostart`" in failure(ended)["next"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk(home: Path) -> None:
    """Where standard output takes nothing more, standard error says so."""
    command = [*AGENTD, "status", "--json"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment(home, {}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 3
    assert ended.stderr.startswith("agentd: no socket at ")


def test_candidates_are_in_the_message(shared: DaemonProcess) -> None:
    """Where an id could be several, a program reads them in the message."""
    made = [
        agentd_here(shared.home, "task", "register", "-", "--empty", stdin=b"goal: g").out.strip()
        for _ in "ab"
    ]
    error = failure(agentd_here(shared.home, "task", "show", made[0][:3], "--json"))
    assert error["kind"] == "ambiguous"
    assert all(task in error["message"] for task in made)


def test_a_command_has_options_of_its_own(home: Path) -> None:
    """A --json behind -- is the command's, and asks for no envelope here."""
    ended = agentd_here(home, "work", "--concurrency", "none", "--", "agent", "--json")
    assert (ended.code, ended.out) == (2, "")


def kinds() -> set[str]:
    """The words for all that can go wrong."""
    from agentd.cli.failures import failure_kind

    failures = [each for each in vars(errors).values() if isinstance(each, type)]
    found = {failure_kind(each) for each in failures if issubclass(each, errors.Failure)}
    return found | {error.kind for error in errors.WIRE_ERRORS}


def test_everything_has_a_next() -> None:
    """Whatever goes wrong, there is something to do next, and it destroys nothing."""
    assert kinds() <= set(NEXT_STEPS)
    assert not [advice for advice in NEXT_STEPS.values() if "rm " in advice or "delete" in advice]
