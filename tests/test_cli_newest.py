"""`@`: the newest task, and `@2` the one before it."""

import pytest

from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess


@pytest.fixture
def tasks(daemon: DaemonProcess) -> list[str]:
    """Three tasks, the newest first; more than a page, for their goals are large."""
    with daemon.connect() as connection:
        made = [
            connection.call("RegisterTask", goal="g" * 500_000, initial_nodes=[{}, {}])["task_id"]
            for _ in range(3)
        ]
    return made[::-1]


def test_the_newest_task(daemon: DaemonProcess, tasks: list[str]) -> None:
    """Wherever a verb takes a task; what is printed has the whole id."""
    for given, task in zip(("@", "@1", "@2", "@3"), (tasks[0], *tasks), strict=True):
        assert agentd_here(daemon.home, "node", "acquire", given).out.split()[0] == task
    shown = agentd_here(daemon.home, "events", "--task", "@2").out.splitlines()
    assert {line.split("\t")[3] for line in shown} == {tasks[1]}
    assert agentd_here(daemon.home, "task", "list", "--parent", "@").code == 0


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ("@4", 1, "no task is @4: there are 3 tasks"),
        ("@1000", 1, "no task is @1000: there are 3 tasks"),
        ("@0", 2, "'@0' is no task: `@` is the newest one, `@2` the one before it, up to `@1000`"),
        ("@1001", 2, "'@1001' is no task"),
        ("@x", 2, "'@x' is no task"),
        ("@-1", 2, "'@-1' is no task"),
        ("@٣", 2, "is no task"),
    ],
)
def test_no_such_task(
    daemon: DaemonProcess, tasks: list[str], given: str, code: int, told: str
) -> None:
    """It is refused with how many there are, or with what may be written."""
    ended = agentd_here(daemon.home, "task", "show", given)
    assert (ended.code, ended.out, bool(tasks)) == (code, "", True)
    assert told in ended.error


def test_where_there_is_none(daemon: DaemonProcess) -> None:
    """A daemon without tasks says so, and how one is made."""
    told = "no task is @: there is no task yet; `agentd task register FILE` makes one"
    assert told in agentd_here(daemon.home, "task", "show", "@").err
