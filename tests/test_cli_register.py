"""`agentd task register`: what is wrong is told at once, and what was sent can be sent again."""

import json
import shlex
import time
from functools import partial
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from agentd.cli.task import register
from agentd.client import Client
from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess
from tests.fake_daemon import Peer, answers, fake_daemon, refuses, says_nothing
from tests.graphs import DIAMOND
from tests.plans import EXAMPLES

FAULTY = b"goal: g\nnodes:\n  - {name: a, prioritty: 3}\n  - {name: a}\n  - {dependencies: [z]}\n"


def test_many_faults(home: Path) -> None:
    """Each fault is a line of its own, and all of them are in the message that a program reads."""
    ended = agentd_here(home, "task", "register", "-", stdin=FAULTY)
    assert (ended.code, ended.out) == (2, "")
    first, *faults = ended.err.splitlines()
    assert first == "agentd: standard input has 3 faults"
    assert [fault.partition(":")[0] for fault in faults] == [
        "  line 3, node 'a'",
        "  line 4, node 'a'",
        "  line 5, node #3",
    ]
    ended = agentd_here(home, "task", "register", "-", "--json", stdin=FAULTY)
    error = json.loads(ended.out)["error"]
    assert error["kind"] == "bad_document"
    assert all(fault.strip() in error["message"] for fault in faults)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_plans_of_other_tools(home: Path, path: Path) -> None:
    """What is refused says what takes it."""
    ended = agentd_here(home, "task", "register", str(path))
    assert (ended.code, ended.out) == (2, "")
    assert f"`agentd task import {path}` takes that" in ended.err


def test_a_task_file_is_no_plan_of_another_tool(home: Path) -> None:
    """However its fields are misspelled."""
    ended = agentd_here(home, "task", "register", "-", stdin=b"goal: g\nsteps: [{name: a}]\n")
    assert (ended.code, "task import" in ended.err) == (2, False)


def test_without_nodes(shared: DaemonProcess) -> None:
    """A task that nobody can work on is registered only where somebody means it."""
    ended = agentd_here(shared.home, "task", "register", "-", stdin=b"goal: g")
    assert (ended.code, ended.out) == (2, "")
    assert "`--empty` allows it" in ended.error
    assert agentd_here(shared.home, "task", "register", "-", "--empty", stdin=b"goal: g").code == 0


def test_what_the_daemon_warns_of(home: Path) -> None:
    """It is said to a person as well, as text, and the answer stays as it is."""
    home.mkdir()
    told = {"task_id": "t", "node_ids": [], "warnings": ["one\x1b[2J", "two"]}
    lines = "agentd: warning: one\\x1b[2J\nagentd: warning: two\n"
    with fake_daemon(home / "agentd.sock", answers(told)):
        ended = agentd_here(home, "task", "register", "-", "--empty", stdin=b"goal: g")
        assert ended == (0, "t\n", lines)
        ended = agentd_here(home, "call", "register_task", '{"goal": "g"}')
    assert (ended.code, json.loads(ended.out), ended.err) == (0, told, lines)


def test_a_limit_that_is_misspelled(daemon: DaemonProcess) -> None:
    """It would limit nothing: what was probably meant is asked, and the task is registered."""
    plan = b"goal: g\nnode_defaults: {limits: [%b]}\nnodes: [{name: a, limits: [%b]}, {name: b}]"
    register = ("task", "register", "-")
    misspelled = plan % (b"cluade", b"gpt")
    assert agentd_here(daemon.home, *register, stdin=misspelled).err == ""
    assert agentd_here(daemon.home, "limit", "set", "claude", "--max-running", "4").code == 0
    told = "limit 'cluade' is not set; did you mean 'claude'?"
    ended = agentd_here(daemon.home, *register, stdin=misspelled)
    assert (ended.code, ended.error) == (0, f"agentd: warning: {told}")
    ended = agentd_here(daemon.home, *register, "--json", stdin=misspelled)
    assert json.loads(ended.out)["data"]["warnings"] == [told]
    ended = agentd_here(daemon.home, *register, "--json", stdin=plan % (b"claude", b"claude"))
    assert (ended.err, "warnings" in json.loads(ended.out)["data"]) == ("", False)


def test_what_the_daemon_does_not_know(shared: DaemonProcess) -> None:
    """A node whose work stands in a field that is passed over is not registered in silence."""
    params = '{"goal":"x","initial_nodes":[{"payload":{"a":1}}]}'
    ended = agentd_here(shared.home, "call", "RegisterTask", params)
    assert ended.code == 0
    assert ended.error.startswith('agentd: warning: the field "payload" of ')


# Again


def test_again(shared: DaemonProcess, tmp_path: Path) -> None:
    """A document is one task under one request_id, given beside it or in it, however often."""
    path, request_id = tmp_path / "release.yaml", str(uuid4())
    path.write_text(DIAMOND)
    beside = ("task", "register", str(path), "--request-id", request_id)
    first = agentd_here(shared.home, *beside, "--json")
    assert first.code == 0
    assert agentd_here(shared.home, *beside, "--json") == first
    assert agentd_here(shared.home, *beside).out.strip() == json.loads(first.out)["data"]["task_id"]
    path.write_text(f"request_id: {request_id}\n{DIAMOND}")
    assert agentd_here(shared.home, "task", "register", str(path), "--json") == first
    assert agentd_here(shared.home, *beside, "--json") == first
    path.write_text(DIAMOND.replace("make", "make all"))
    changed = agentd_here(shared.home, *beside)
    assert changed.code == 1
    assert changed.error.endswith("(request_id_reused)")


@pytest.mark.parametrize("request_id", ["x", "", "00000000"])
def test_under_what_is_no_id(home: Path, request_id: str) -> None:
    """What is no UUID is wrong usage."""
    ended = agentd_here(
        home, "task", "register", "-", "--request-id", request_id, stdin=DIAMOND.encode()
    )
    assert ended.code == 2
    assert ended.error == f"agentd: --request-id {request_id!r}: expected a UUID"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line that waits a moment for an answer, not half a minute."""
    monkeypatch.setattr(register, "Client", partial(Client, timeout=0.2))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["person", "program"])
def test_when_the_answer_is_lost(
    shared: DaemonProcess, home: Path, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """Where nobody knows whether the task is there, the message has the command that is safe."""
    path, made = tmp_path / "the release.yaml", []

    def takes_and_hangs_up(peer: Peer) -> None:
        with shared.connect() as connection:
            made.append(connection.call("RegisterTask", **peer.read()["params"])["task_id"])

    path.write_text(DIAMOND)
    home.mkdir()
    with fake_daemon(home / "agentd.sock", takes_and_hangs_up):
        ended = agentd_here(home, "task", "register", str(path), *form)
        while not made:
            time.sleep(0.01)
    assert ended.code == 3
    told = ended.error if not form else json.loads(ended.out)["error"]["message"]
    words = shlex.split(told.partition("with the same document: `agentd ")[2].partition("`")[0])
    assert words[:3] == ["task", "register", str(path)]
    assert agentd_here(shared.home, *words).out.strip() == made[0]
    assert set(made) == {made[0]}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "script",
    [says_nothing, refuses(-32000, "The disk failed.", {"kind": "storage_error"})],
    ids=["silence", "a disk that failed"],
)
def test_when_the_answer_does_not_say(home: Path, script: object) -> None:
    """A daemon that says nothing, or that its disk failed, is asked again in the same way."""
    home.mkdir()
    with fake_daemon(home / "agentd.sock", script):  # type: ignore[arg-type] # one of two
        ended = agentd_here(home, "task", "register", "-", "--empty", stdin=b"goal: g")
    assert "`agentd task register - --empty --request-id " in ended.error
    assert ".;" not in ended.error


def test_when_somebody_interrupts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the answer is waited for: the task may be there."""

    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "register_task", interrupted)
    ended = agentd_here(home, "task", "register", "-", stdin=DIAMOND.encode())
    assert ended.code == 130
    assert ended.error.startswith("agentd: interrupted: the task may be registered; to repeat it")
