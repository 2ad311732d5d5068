"""`agentd events`: what happened in all tasks, or in one, and what happens."""

import json
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import Raw

from agentd.api import RecordedEventView, WatchEventsResult
from agentd.cli.events.begin import place_of
from agentd.cli.events.reading import coming_pages, newest_events
from agentd.cli.events.wanted import Wanted
from agentd.client import Client
from agentd.errors import NobodyListens, TooManyConnections
from tests.command_line import AGENTD, agentd_here, on_a_terminal_here
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment

EVENTS = 260
HALVES_AT_MOST = 20
GONE_FOR = 3


@contextmanager
def following(
    home: Path, *options: str, verb: Sequence[str] = ("events",)
) -> Iterator["subprocess.Popen[str]"]:
    """`agentd events --follow` at work, or another such verb, and stopped at the end."""
    process = subprocess.Popen(
        [*AGENTD, *verb, "--follow", *options],
        cwd=REPOSITORY,
        env=environment(home, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)


def lines(process: "subprocess.Popen[str]", number: int) -> list[list[str]]:
    """The next lines that it prints, each in its fields."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n").split("\t") for _ in range(number)]


def registered(daemon: DaemonProcess, goal: str = "g", *nodes: dict[str, Any]) -> str:
    """The id of a task of these nodes."""
    with daemon.connect() as connection:
        made = connection.call("RegisterTask", goal=goal, initial_nodes=nodes)
    return str(made["task_id"])


def printed(daemon: DaemonProcess, *options: str) -> list[list[str]]:
    """The fields of each line."""
    ended = agentd_here(daemon.home, "events", *options)
    assert (ended.code, ended.err) == (0, ""), ended
    return [line.split("\t") for line in ended.out.splitlines()]


def wait_until_asked(daemon: DaemonProcess, number: int = 1) -> None:
    """So many wait for what happens."""
    with daemon.connect() as connection:
        while connection.call("Metrics")["runtime"]["waiting_requests"] < number:
            time.sleep(0.01)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DaemonProcess, str]]:
    """A daemon whose journal has some hundred events, and the task of all but the first."""
    home = tmp_path_factory.mktemp("long")
    with DaemonProcess(home) as daemon, daemon.connect() as connection:
        connection.call("RegisterTask", goal="first")
        task = connection.call("RegisterTask", goal="second", initial_nodes=[{}])["task_id"]
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
        of = {"task_id": task, "node_id": node["id"]}
        for number in range(EVENTS):
            connection.call("CommitEvent", **of, action_type="NOTE", payload={"n": number})
        yield daemon, task


# What there is


def test_a_line_per_event(daemon: DaemonProcess) -> None:
    """Seq, time, type, task, node, payload; then it ends."""
    task = registered(daemon, "g", {})
    register, add = printed(daemon)
    assert [register[0], *register[2:]] == [
        *("1", "REGISTER_TASK", task, ""),
        '{"goal":"g","node_count":1}',
    ]
    assert [add[0], *add[2:4]] == ["2", "ADD_NODE", task]
    assert len(add[4]) == len(task)


def test_where_nothing_happened(daemon: DaemonProcess) -> None:
    """Nothing is printed, and an envelope without events for a program."""
    assert printed(daemon) == []
    ended = agentd_here(daemon.home, "events", "--json")
    assert json.loads(ended.out) == {"ok": True, "data": {"events": [], "last_seq": 0}}


def test_the_newest(long: tuple[DaemonProcess, str]) -> None:
    """Without a place to begin with the newest 100 are shown, the newest last."""
    daemon, _ = long
    shown = printed(daemon)
    last = EVENTS + 3
    assert [int(each[0]) for each in shown] == [*range(last - 99, last + 1)]
    (page,) = agentd_here(daemon.home, "events", "--json").out.splitlines()
    assert [str(each["seq"]) for each in json.loads(page)["data"]["events"]] == [
        each[0] for each in shown
    ]


def test_behind_a_place(long: tuple[DaemonProcess, str]) -> None:
    """`--after` shows all that stands behind it."""
    daemon, _ = long
    assert [int(each[0]) for each in printed(daemon, "--after", "5")] == [*range(6, EVENTS + 4)]
    assert printed(daemon, "--after", "999999") == []


def test_one_task(long: tuple[DaemonProcess, str]) -> None:
    """`--task` leaves out the others."""
    daemon, task = long
    assert {each[3] for each in printed(daemon, "--after", "0", "--task", task)} == {task}
    assert len(printed(daemon, "--task", "@2")) == 1


def test_types(long: tuple[DaemonProcess, str]) -> None:
    """`--kind` takes several, and small letters for those of agentd's own."""
    daemon, _ = long
    kinds = [each[2] for each in printed(daemon, "--kind", "register_task", "ADD_NODE")]
    assert kinds == ["REGISTER_TASK", "REGISTER_TASK", "ADD_NODE"]
    assert (
        len(printed(daemon, "--kind", "NOTE", "--kind", "ADD_NODE", "--after", "0")) == EVENTS + 1
    )
    assert printed(daemon, "--kind", "note") == printed(daemon, "--kind", "NOTE")


def test_a_text(long: tuple[DaemonProcess, str]) -> None:
    """`--grep` looks for a text in the line, wherever it stands and in whatever letters."""
    daemon, _ = long
    (found,) = printed(daemon, "--grep", "SECOND")
    assert found[2] == "REGISTER_TASK"
    assert [each[5] for each in printed(daemon, "--grep", '"N":7}')] == ['{"n":7}']
    assert len(printed(daemon, "--grep", "note")) == 100
    assert printed(daemon, "--grep", ".*") == []


def test_since_a_moment(long: tuple[DaemonProcess, str]) -> None:
    """`--since` shows what happened at that moment or later, in the very place."""
    daemon, _ = long
    everything = printed(daemon, "--after", "0")
    for at in (0, 1, 100, EVENTS):
        moment = everything[at][1]
        assert printed(daemon, "--since", moment) == [e for e in everything if e[1] >= moment]
    assert printed(daemon, "--since", "1d") == everything
    assert printed(daemon, "--since", "2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "options",
    [
        ("--after", "-1"),
        ("--after", "x"),
        ("--since", "soon"),
        ("--after", "1", "--since", "1h"),
        ("--kind",),
        ("watch",),
    ],
)
def test_wrong_usage(home: Path, options: tuple[str, ...]) -> None:
    """It is refused before anything is asked."""
    assert agentd_here(home, "events", *options).code == 2


def test_on_a_terminal(daemon: DaemonProcess) -> None:
    """A line for each, cut where the terminal ends; ids are long enough to be typed."""
    task = registered(daemon, "Ship it" * 30, {})
    ended = on_a_terminal_here(daemon.home, "events")
    register, add = ended.plain.splitlines()
    assert ended.width <= 80
    assert register.split()[2:4] == ["REGISTER_TASK", task[:13]]
    with daemon.connect() as connection:
        [node] = connection.call("TaskStatus", task_id=task)["nodes"]
    assert add.split()[4] == node["id"][-8:]


def test_a_task_on_a_terminal(daemon: DaemonProcess) -> None:
    """Where all are of one task, its nodes are called by their names; a program reads ids."""
    task = registered(daemon, "Ship it", {"name": "build"}, {"name": "publish"})
    lines = on_a_terminal_here(daemon.home, "events", "--task", task).plain.splitlines()
    assert [line.split()[4] for line in lines[1:]] == ["build", "publish"]
    assert lines[1].index("build") == lines[2].index("publish")
    assert lines[1].index("{") == lines[2].index("{")
    assert "build" not in on_a_terminal_here(daemon.home, "events").plain.split()
    piped = agentd_here(daemon.home, "events", "--task", task).out.splitlines()[1]
    assert len(piped.split("\t")[4]) == 36


# How it is read


class Journal:
    """Answers WatchEvents from a journal in which an event happens every second, and counts."""

    def __init__(self, length: int) -> None:
        self.length, self.asked, self.most_kept = length, 0, 0

    def watch_events(self, *, after_seq: int, limit: int, **_: object) -> WatchEventsResult:
        self.asked += 1
        seqs = range(after_seq + 1, min(after_seq + limit, self.length) + 1)
        events = [self._event(seq) for seq in seqs]
        return WatchEventsResult(events, max([after_seq, *seqs[-1:]]))

    @staticmethod
    def _event(seq: int) -> RecordedEventView:
        at = datetime.fromtimestamp(seq, UTC).isoformat()
        return RecordedEventView("", None, None, "NOTE", Raw(str(seq).encode()), at, seq)


def as_client(journal: Journal) -> Client:
    """As what reads it is given one."""
    return cast("Client", journal)


@pytest.mark.parametrize("second", [0, 1, 2, 499_999, 999_999, 1_000_000, 1_000_001])
def test_the_place_of_a_moment_is_found_by_halving(second: int) -> None:
    """Of a million events some twenty are looked at."""
    journal = Journal(1_000_000)
    place = place_of(as_client(journal), second, journal.length)
    assert place == min(max(second - 1, 0), journal.length)
    assert journal.asked <= HALVES_AT_MOST


def test_the_newest_of_a_long_journal() -> None:
    """Its end is read, and no more of it."""
    journal = Journal(1_000_000)
    newest = newest_events(as_client(journal), Wanted(), 100, journal.length)
    assert [event.seq for event in newest] == [*range(999_901, 1_000_001)]
    assert journal.asked == 1


def test_the_newest_that_are_far_between() -> None:
    """It is read backwards until there are enough, or until its beginning."""
    journal = Journal(5_000)
    found = newest_events(as_client(journal), Wanted(text="\t77"), 5, journal.length)
    assert [event.seq for event in found] == [775, 776, 777, 778, 779]
    found = newest_events(as_client(journal), Wanted(text="\t4999"), 5, journal.length)
    assert [event.seq for event in found] == [4_999]


# What happens


def test_what_happens(daemon: DaemonProcess) -> None:
    """With `--follow` it goes on behind what there was, without a gap."""
    first = registered(daemon, "g", {})
    with following(daemon.home) as process:
        shown = lines(process, 2)
        assert [each[0] for each in shown] == ["1", "2"]
        assert [each[2:4] for each in shown] == [["REGISTER_TASK", first], ["ADD_NODE", first]]
        second = registered(daemon)
        [event] = lines(process, 1)
        assert (event[0], event[2:]) == (
            "3",
            ["REGISTER_TASK", second, "", '{"goal":"g","node_count":0}'],
        )


def test_from_now_on(daemon: DaemonProcess) -> None:
    """`--since 0s` begins with what happens."""
    registered(daemon)
    with following(daemon.home, "--since", "0s") as process:
        wait_until_asked(daemon)
        registered(daemon)
        assert [each[0] for each in lines(process, 1)] == ["2"]


def test_what_happens_is_picked(daemon: DaemonProcess) -> None:
    """By task, type and text; with `--json` each page is an envelope."""
    registered(daemon, "g", {})
    task = registered(daemon, "wanted", {})
    with following(daemon.home, "--task", task[:13], "--json") as process:
        assert process.stdout is not None
        page = json.loads(process.stdout.readline())
    assert page["ok"] is True
    assert {event["task_id"] for event in page["data"]["events"]} == {task}
    with following(daemon.home, "--kind", "REGISTER_TASK", "--grep", "wanted") as process:
        assert [each[0] for each in lines(process, 1)] == ["3"]
        registered(daemon, "other")
        registered(daemon, "wanted too", {})
        assert [each[0] for each in lines(process, 1)] == ["6"]


def test_a_daemon_that_is_killed(home: Path) -> None:
    """It is waited for, and gone on behind: nothing is left out, nothing shown twice.

    So does `agentd task events --follow`.
    """
    with DaemonProcess(home) as daemon:
        task = registered(daemon)
        of_task = following(home, verb=("task", "events", task))
        with following(home) as process, of_task as other:
            lines(process, 1)
            lines(other, 1)
            wait_until_asked(daemon, 2)
            daemon.kill()
            daemon.start()
            registered(daemon)
            with daemon.connect() as connection:
                connection.call("PauseTask", task_id=task)
            registered(daemon)
            assert [each[0] for each in lines(process, 3)] == ["2", "3", "4"]
            assert [each[0] for each in lines(other, 1)] == ["3"]


class Interrupted(Journal):
    """One whose daemon is gone for some questions, and comes back with a journal so long."""

    def __init__(self, length: int, back_with: int) -> None:
        super().__init__(length)
        self._back_with = back_with

    def watch_events(
        self, *, after_seq: int | None = None, limit: int, **more: object
    ) -> WatchEventsResult:
        after = self.length if after_seq is None else after_seq
        if after >= self.length and self.asked < GONE_FOR:
            self.asked += 1
            if self.asked == GONE_FOR:
                self.length = self._back_with
            if self.asked == 1:
                raise NobodyListens("nobody listens on a.sock: start it")
            raise TooManyConnections("try again later")  # all who waited for it come at once
        return super().watch_events(after_seq=after, limit=limit, **more)


@pytest.mark.parametrize(("back_with", "then", "told"), [(9, [8, 9], 1), (5, [], 2)])
def test_a_daemon_that_is_gone_for_long(
    back_with: int,
    then: list[int],
    told: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said once, and gone on from the same place, or from the end of a restored journal."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    pages = coming_pages(as_client(Interrupted(7, back_with)), Wanted(), 7)
    found = [[event.seq for event in next(pages).events] for _ in range(GONE_FOR + 1)]
    assert found == [*[[]] * GONE_FOR, then]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == ("agentd: nobody listens on a.sock: going on as soon as a daemon is back")
    assert len(lines) == told


def test_no_daemon(home: Path) -> None:
    """Where there was none to begin with, that is the failure it is with every verb."""
    assert agentd_here(home, "events", "--follow").code == 3


def test_a_reader_that_has_enough(daemon: DaemonProcess) -> None:
    """It ends, without a word."""
    registered(daemon)
    with following(daemon.home) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines(process, 1)
        process.stdout.close()
        assert select.select([process.stderr], [], [], PATIENCE_SECONDS)[0]
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE_SECONDS) == 0


def test_it_is_interrupted(daemon: DaemonProcess) -> None:
    """Ctrl-C ends it, with the exit code of that."""
    registered(daemon)
    with following(daemon.home) as process:
        lines(process, 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 130
