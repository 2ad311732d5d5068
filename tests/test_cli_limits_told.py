"""What is said to somebody who uses limits and labels, and gets them wrong at first."""

import json
from typing import Any

import pytest

from agentd.cli.node.settings import OPTIONS, SETTINGS
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess

DOCUMENT = "goal: Sweep\nnodes: [{name: one, limits: [llm-api]}, {name: '%s', requires: ['%s']}]\n"

YEAR_2999 = 32472144000


def run(daemon: DaemonProcess, *arguments: str, stdin: str = "") -> str:
    """What it prints."""
    ended = agentd_here(daemon.home, *arguments, stdin=stdin.encode())
    assert (ended.code, ended.err) == (0, ""), ended
    return ended.out


def data(daemon: DaemonProcess, *arguments: str) -> Any:
    """What the envelope holds."""
    return json.loads(run(daemon, *arguments, "--json"))["data"]


def register(daemon: DaemonProcess, name: str = "two", label: str = "gpu") -> str:
    """The id of a new task: a node that names a limit, and one that requires a label."""
    return run(daemon, "task", "register", "-", stdin=DOCUMENT % (name, label)).strip()


def shown(daemon: DaemonProcess, *arguments: str) -> list[str]:
    """The lines that a person sees."""
    ended = on_a_terminal_here(daemon.home, *arguments)
    assert ended.code == 0, ended
    return ended.plain.splitlines()


# Moments


def test_a_moment_as_other_verbs_print_it(daemon: DaemonProcess) -> None:
    """Unix seconds are a moment wherever a verb takes one."""
    task = register(daemon)
    for until in (f"{YEAR_2999}", f"{YEAR_2999}.000"):
        run(daemon, "limit", "close", "llm-api", "--until", until)
        assert data(daemon, "limit", "list")["limits"][0]["closed_until"] == YEAR_2999
    run(daemon, "node", "set", task, "one", "--not-before", f"{YEAR_2999}")
    assert data(daemon, "node", "show", task, "one")["node"]["not_before"] == YEAR_2999
    assert task in run(daemon, "task", "list", "--since", "0", "--until", f"{YEAR_2999}")
    assert run(daemon, "task", "list", "--since", f"{YEAR_2999}") == ""


# Limits


def test_what_a_limit_has_used(daemon: DaemonProcess) -> None:
    """It is a sum that a person reads, without what binary fractions add to it."""
    task = register(daemon)
    run(daemon, "limit", "set", "llm-api", "--max-running", "1")
    with daemon.connect() as worker:
        held = worker.call("AcquireNextNode", task_id=task)
        lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        for used in (0.1, 0.2):
            worker.call("CommitEvent", action_type="X", payload={}, usage={"usd": used}, **lease)
    assert shown(daemon, "limit", "list")[1].split()[4:] == ["usd", "0.3", "used"]


def test_a_limit_that_is_closed_until_a_moment(daemon: DaemonProcess) -> None:
    """A moment that is over, and no time at all, leave it open, and that is said."""
    register(daemon)
    told = shown(daemon, "limit", "close", "llm-api", "--until", f"{YEAR_2999}")
    assert told[0].startswith("closed llm-api until 2999-01-01 ")
    assert told[0].endswith(": 1 node waits")
    told = shown(daemon, "limit", "close", "llm-api", "--until", "2020-01-01T00:00:00Z")
    assert told == ["llm-api is open: that moment is over"]
    told = shown(daemon, "limit", "close", "llm-api", "--for", "0")
    assert told == ["llm-api is open: that moment is over"]


@pytest.mark.parametrize("verb", [("close", "--for", "1"), ("open",)])
def test_a_limit_that_is_misspelled(daemon: DaemonProcess, verb: tuple[str, ...]) -> None:
    """What was probably meant is said, if that was set, and what shows those that were."""
    name, more = verb[0], verb[1:]
    refused = agentd_here(daemon.home, "limit", name, "llm-ap", *more)
    told = "nobody has set it: `agentd limit list` shows those that were set (limit_unknown)"
    assert (refused.code, told in refused.error) == (1, True)
    run(daemon, "limit", "set", "llm-api", "--max-running", "1")
    refused = agentd_here(daemon.home, "limit", name, "llm-ap", *more)
    assert "nobody has set it: did you mean 'llm-api'? `agentd limit list`" in refused.error


# What explains


def test_a_task_that_is_explained_to_a_person(daemon: DaemonProcess) -> None:
    """Each cause with what to type next; where nothing helps that is said."""
    task = register(daemon)
    last = shown(daemon, "task", "why", task)[-1]
    assert last == f"then     agentd work --task {task} --label gpu -- COMMAND"
    run(daemon, "task", "pause", task)
    assert f"then     agentd task resume {task}" in shown(daemon, "task", "why", task)
    run(daemon, "task", "cancel", task)
    assert shown(daemon, "task", "why", task)[-1].startswith("next     nothing: ")


def test_a_command_that_cannot_be_copied(daemon: DaemonProcess) -> None:
    """It is not shown: what stands for its control characters is not what was meant."""
    task = register(daemon, "t\u202ewo", "g\u202epu")
    told = shown(daemon, "node", "why", task, "t\u202ewo")
    assert told[-1] == "then      agentd workers"
    assert shown(daemon, "task", "why", task)[-1] == "then     agentd workers"


def test_nothing_that_could_be_changed(daemon: DaemonProcess) -> None:
    """It is said why no node was; and what could be is said to whoever changes nothing."""
    task = register(daemon)
    run(daemon, "task", "set", task, "--require", "")
    for _node in range(2):
        run(daemon, "node", "acquire", task)
    told = shown(daemon, "task", "set", task, "--priority", "1")
    assert told == ["0 nodes changed: none is PENDING"]
    assert len(OPTIONS.split(", ")) == len(SETTINGS)
    assert OPTIONS in agentd_here(daemon.home, "task", "set", task).err


def test_workers_that_there_are_not(daemon: DaemonProcess) -> None:
    """Nobody waits, and nobody held anything."""
    told = "nobody waits for work, and nobody held any in the last 10 minutes"
    assert shown(daemon, "workers") == [told]
