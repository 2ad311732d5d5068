"""`agentd rehearse`: on a terminal, for a program, beside a daemon, and without one."""

import gc
import json
import re
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from rich.cells import cell_len

from agentd.cli.rehearsal.chart import LEGEND, axis, draw
from agentd.rehearsal.figures import Span
from tests.command_line import COLUMNS, agentd_here, on_a_terminal_here
from tests.core import Core, open_sqlite, spec
from tests.rehearsed import SECOND, Played, seconds

HOSTILE = "\x1b[2J\u202eeve"


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose daemon is gone: 8 nodes of 10 seconds, two workers, a limit of theirs."""
    home = tmp_path_factory.mktemp("rehearsed")
    with closing(open_sqlite(home)) as store:
        core = Core(store)
        task_id = core.register(*(spec(each, limits=["claude"]) for each in range(1, 9)))
        played = Played(core, seconds(10))
        for owner in ("ann", HOSTILE):
            played.worker(owner)
        played.run([task_id])
    return home


def test_a_program_is_given_fields_and_the_chart(worked: Path) -> None:
    """The same names as with `--json`; nothing that a worker is called steers a terminal."""
    ended = agentd_here(worked, "rehearse", "--since", "2026-01-01T00:00:00Z", "--set", "workers=4")
    assert (ended.code, ended.err) == (0, "")
    assert gc.isenabled()
    assert "makespan_secs\t40.0\t20.0\n" in ended.out
    assert "completed\t8\t8\n" in ended.out
    assert "waiting_secs.no_worker\t120.0\t40.0\n" in ended.out
    assert "\nann" in ended.out
    assert "\\x1b[2J" in ended.out
    assert all(len(line) <= COLUMNS for line in ended.out.splitlines())


def test_json_has_was_and_would_with_the_same_names(worked: Path) -> None:
    """And what is assumed."""
    words = ("rehearse", "--task", "@", "--set", "limit.claude=1", "--json")
    data = json.loads(agentd_here(worked, *words).out)["data"]
    assert data["was"].keys() == data["would"].keys()
    assert (data["was"]["makespan_secs"], data["would"]["makespan_secs"]) == (40.0, 80.0)
    assert data["would"]["waiting_secs"] == {"limit_full": 280.0}
    assert (data["events"], data["tasks"], data["cut"]) == (33, 1, False)
    assert data["assumes"]


def test_what_would_not_end_is_said_below_the_chart(worked: Path) -> None:
    """And is a number for programs: nothing done at all is no quick end."""
    words = ("rehearse", "--task", "@", "--set", "limit.claude=0")
    told = " ".join(agentd_here(worked, *words).out.split())
    assert "8 nodes that ended in fact would not have" in told
    assert json.loads(agentd_here(worked, *words, "--json").out)["data"]["left"] == 8


def test_a_person_is_shown_a_table_and_who_worked_when(worked: Path) -> None:
    """Within the terminal's columns."""
    shown = on_a_terminal_here(worked, "rehearse", "--task", "@", "--set", "workers=4").out
    assert "\x1b[2J" not in shown
    shown = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert re.search(r"WAS +WOULD BE", shown)
    assert re.search(r"until all was done +40s +20s +-50%", shown)
    assert LEGEND in shown
    assert "assumed:" in shown


def test_a_change_that_rounds_to_nothing_is_none(tmp_path: Path) -> None:
    """No figure is less by -0%."""
    with closing(open_sqlite(tmp_path)) as store:
        core = Core(store)
        task_id = core.register(spec(1), spec(2))
        long = {spec(1)["id"]: 1_000}
        played = Played(core, lambda node, _: (long.get(node, 1) * SECOND, "complete"))
        played.worker("ann")
        played.run([task_id])
    shown = on_a_terminal_here(tmp_path, "rehearse", "--task", "@", "--set", "workers=2").out
    shown = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert re.search(r"until all was done +16m41s +16m40s *$", shown, re.MULTILINE)


def test_the_database_is_only_read(worked: Path) -> None:
    """Its file is the same afterwards, and no other is left beside it."""

    def contents() -> dict[str, str]:
        return {
            file.name: sha256(file.read_bytes()).hexdigest()
            for file in worked.glob("agent_state.db*")
            if not file.name.endswith("-shm")
        }

    before = contents()
    assert agentd_here(worked, "rehearse", "--task", "@").code == 0
    assert contents() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "limit.claud=1"), "did you mean 'claude'?"),
        (("--set", "worker=1"), "did you mean workers?"),
        (("--since", "1s"), "nothing was recorded in that time"),
        (("--since", "2099-01-01T00:00:00Z"), "nothing was recorded in that time"),
        (("--task", "ffffffff"), "no task"),
        (("--task", "00000000-0000-4000-8000-000000000000"), "there is no task 00000000-"),
    ],
)
def test_what_cannot_be_rehearsed_is_said_in_one_line(
    worked: Path, words: tuple[str, ...], told: str
) -> None:
    """With what was meant."""
    since = () if "--since" in words else ("--since", "2026-01-01T00:00:00Z")
    ended = agentd_here(worked, "rehearse", *since, *words)
    assert ended.code in (1, 2)
    assert told in ended.err
    assert ended.err.count("\n") == 1


# The chart


def test_a_chart_has_a_line_for_each_worker_to_one_scale() -> None:
    """Ten columns of a second each: at work, partly, in vain, and idle."""
    spans = [
        Span(0, "a", 0, 2 * SECOND, "completed"),
        Span(0, "b", 2 * SECOND, 4 * SECOND, "failed"),
        Span(1, "c", 500, 1_000, "completed"),
        Span(1, "d", 9 * SECOND, None),
    ]
    width = 23
    assert draw(spans, {0: "ann", 1: "bob"}, 0, 10 * SECOND, width) == [
        "ann          ██✗✗······",
        "bob          ▒········█",
    ]
    assert axis(0, 10 * SECOND, width) == "             0      10s"


def test_a_chart_of_many_workers_shows_the_busiest_and_counts_the_others() -> None:
    """Nobody reads a hundred lines."""
    spans = [Span(number, "n", 0, number * SECOND, "completed") for number in range(100)]
    lines = draw(spans, {number: f"w{number}" for number in range(100)}, 0, 100 * SECOND, 40)
    assert [line.split()[0] for line in lines[:-1]] == [f"w{number}" for number in range(88, 100)]
    assert lines[-1] == "and 88 more, who worked less"


def test_a_chart_shows_what_others_are_called_as_text() -> None:
    """Cut to its column."""
    (line,) = draw([], {0: HOSTILE}, 0, SECOND, 30)
    assert line.startswith("\\x1b[2J\\u20… ")
    assert line.isprintable()


@pytest.mark.parametrize("owner", ["ann", "日本語の名前です", "e\u0301" * 20, HOSTILE])
def test_a_chart_has_as_many_cells_whatever_somebody_is_called(owner: str) -> None:
    """Some characters take two, and some none."""
    (line,) = draw([], {0: owner}, 0, SECOND, 30)
    assert cell_len(line) == 30
