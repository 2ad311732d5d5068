"""`agentd metrics`: the figures in three forms, and what their labels may be."""

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentd.api import (
    DatabaseMetrics,
    LimitView,
    ListGatesResult,
    ListLimitsResult,
    ListWorkersResult,
    MetricsResult,
    RuntimeMetrics,
    WorkerView,
)
from agentd.cli import extras
from agentd.errors import StorageError
from agentd.figures.exposition import expose
from agentd.figures.figure import Figure
from agentd.figures.reading import Reading
from agentd.figures.table import MOST_LIMITS, figures
from agentd.protocol import encode_error
from tests.command_line import agentd, agentd_here, on_a_terminal
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import rows, section
from tests.listening import listening

PAGE = REPOSITORY / "docs" / "views.md"


def reading(
    *limits: str, kinds: dict[str, int] | None = None, workers: tuple[WorkerView, ...] = ()
) -> Reading:
    """What a daemon says that has these limits, two nodes running under each."""
    return Reading(
        MetricsResult(
            1,
            300,
            50,
            RuntimeMetrics(
                acquisition_latency_micros_total=2_500_000, failures_by_kind=kinds or {}
            ),
            DatabaseMetrics(16, 16, 0, 0, 0, 0, 0, 0, 0, {"RUNNING": 2}),
        ),
        ListLimitsResult([LimitView(name, 3, None, 2, 1, None, None, {}) for name in limits], None),
        ListWorkersResult(list(workers)),
        ListGatesResult([], None),
    )


def everything() -> Reading:
    """What a daemon says of which every figure has a number."""
    some = reading("a", kinds={"b": 1})
    some.metrics.version, some.metrics.started_at = "0.3.0", 1.0
    return some


def numbers(found: list[Figure], name: str) -> dict[str, float]:
    """The numbers of a figure by the values of its label."""
    return {
        next(iter(sample.labels.values()), ""): sample.value
        for figure in found
        for sample in figure.samples
        if sample.name == name
    }


# Names and labels


def test_units_are_base_units() -> None:
    """Time is in seconds."""
    assert numbers(figures(reading()), "agentd_acquire_seconds_sum") == {"": 2.5}


def test_every_status_has_a_number() -> None:
    """A graph does not end where there is none of a kind."""
    assert numbers(figures(reading()), "agentd_nodes") == {
        "PENDING": 0,
        "RUNNING": 2,
        "COMPLETED": 0,
        "FAILED": 0,
    }


def test_limits_are_bounded() -> None:
    """The first hundred are told apart; what can be added up of the others is told as one."""
    found = figures(reading(*(f"limit {number:04}" for number in range(250))))
    running = numbers(found, "agentd_limit_running")
    assert (len(running), running["limit 0099"], running["other"]) == (MOST_LIMITS + 1, 2, 300)
    assert len(numbers(found, "agentd_limit_max_running")) == MOST_LIMITS
    assert numbers(found, "agentd_limits") == {"": 250}


def test_a_limit_that_is_called_other() -> None:
    """It is told with the others: two numbers with the same labels spoil the whole text."""
    names = ["other", *(f"x{number}" for number in range(MOST_LIMITS))]
    assert numbers(figures(reading(*names)), "agentd_limit_running")["other"] == 4


def test_names_that_look_the_same() -> None:
    """Names of others are shown as text, and those that are the same text are one."""
    found = figures(reading("a\x1bb", r"a\x1bb", 'q"\\\n', "\u202e", kinds={"\x9b": 1, r"\x9b": 2}))
    running = numbers(found, "agentd_limit_running")
    assert running == {r"a\x1bb": 4, 'q"\\\\n': 2, r"\u202e": 2}
    assert numbers(found, "agentd_failures_total") == {r"\x9b": 3}
    for accept in ("text/plain;version=1.0.0", "application/openmetrics-text;version=1.0.0", ""):
        text = expose(found, accept)[0].decode()
        assert all(line.isprintable() for line in text.splitlines())
    (family,) = [
        each
        for each in text_string_to_metric_families(expose(found)[0].decode())
        if each.name == "agentd_limit_running"
    ]
    assert {sample.labels["limit"]: sample.value for sample in family.samples} == running


def test_workers() -> None:
    """Who holds work and asks for more is one worker, and counted for both."""
    workers = (WorkerView("a", [], 1, 2, 0.0), WorkerView("b", [], 0, 1, 0.0))
    found = figures(reading(workers=workers))
    told = [numbers(found, f"agentd_workers{more}")[""] for more in ("", "_holding", "_waiting")]
    assert told == [2, 2, 1]


def test_an_older_daemon() -> None:
    """What it does not say is left out, and no number is made up."""
    names = {figure.name for figure in figures(reading())}
    assert names.isdisjoint({"agentd_build_info", "agentd_start_time_seconds"})


def test_what_prometheus_recommends() -> None:
    """Each name begins with ours; counters, and only they, end in _total; each has a sentence."""
    for figure in figures(everything()):
        assert figure.name.startswith("agentd_")
        assert (figure.kind == "counter") is figure.name.endswith("_total")
        assert figure.help.endswith(".")
        assert len({(*tuple(each.labels.items()), each.name) for each in figure.samples}) == len(
            figure.samples
        )


def test_the_page() -> None:
    """docs/views.md lists the figures, with their kinds, labels and sentences."""
    told = {
        name.strip("`"): (kind, label.strip("`"), words)
        for name, kind, label, words in rows(section("Figures for other tools", PAGE))
    }
    found = {
        figure.name: (
            figure.kind,
            "".join(figure.samples[0].labels),
            figure.help,
        )
        for figure in figures(everything())
    }
    assert list(told) == list(found)
    assert told == found


# The verb


@pytest.fixture(scope="module")
def limited(shared: DaemonProcess) -> DaemonProcess:
    """A daemon with a limit."""
    with shared.connect() as connection:
        connection.call("SetLimit", name="claude", max_running=3)
    return shared


def test_in_a_pipe(limited: DaemonProcess) -> None:
    """A line a number: name, label, number, tabs between them."""
    lines = agentd_here(limited.home, "metrics").out.splitlines()
    rows = [line.split("\t") for line in lines]
    assert ["agentd_up", "", "1"] in rows
    assert ["agentd_limit_max_running", "claude", "3"] in rows
    assert {len(row) for row in rows} == {3}


def test_on_a_terminal(limited: DaemonProcess) -> None:
    """A table of 80 columns, which says what each number is."""
    shown = on_a_terminal(limited.home, "metrics")
    assert shown.width <= 80
    lines = shown.plain.splitlines()
    assert lines[0].split() == ["FIGURE", "NUMBER", "WHAT", "IT", "IS"]
    assert any(line.split()[:3] == ["agentd_limit_max_running", "claude", "3"] for line in lines)


def test_as_json(limited: DaemonProcess) -> None:
    """One envelope, with the names and kinds that Prometheus is told."""
    found = json.loads(agentd_here(limited.home, "metrics", "--json").out)["data"]["figures"]
    (figure,) = [each for each in found if each["name"] == "agentd_limit_max_running"]
    assert figure["kind"] == "gauge"
    assert figure["samples"] == [
        {"name": "agentd_limit_max_running", "labels": {"limit": "claude"}, "value": 3}
    ]


def test_for_prometheus(limited: DaemonProcess) -> None:
    """The text format: what it is, which kind, and the number."""
    out = agentd_here(limited.home, "metrics", "--prometheus").out
    assert out.startswith(
        "# HELP agentd_up 1 if the daemon answers and has its database, else 0.\n"
        "# TYPE agentd_up gauge\nagentd_up 1.0\n"
    )
    assert '\nagentd_limit_max_running{limit="claude"} 3.0\n' in out
    assert "\n# TYPE agentd_nodes_completed_total counter\n" in out


def test_where_no_daemon_answers(home: Path) -> None:
    """Prometheus' text says that, and so do standard error and the exit code."""
    ended = agentd(home, "metrics", "--prometheus")
    assert ended.code == 3
    assert ended.out.splitlines()[2:] == ["agentd_up 0.0"]
    assert ended.error.startswith("agentd: no socket at ")
    assert (agentd(home, "metrics").code, agentd(home, "metrics").out) == (3, "")


def test_a_daemon_without_its_database(home: Path) -> None:
    """What answers and has no figures is not up, and says why."""
    refusal = StorageError("disk on fire")
    with listening(home, lambda client: client.sendall(encode_error(b"1", refusal))):
        ended = agentd(home, "metrics", "--prometheus")
    assert (ended.code, ended.out.splitlines()[-1]) == (1, "agentd_up 0.0")
    assert "disk on fire" in ended.error


def test_two_formats_at_once(home: Path) -> None:
    """One is chosen."""
    ended = agentd_here(home, "metrics", "--json", "--prometheus")
    assert (ended.code, "choose one" in ended.out) == (2, True)


@pytest.mark.parametrize("words", [("metrics", "--prometheus"), ("serve", "--metrics", "[::1]:0")])
def test_without_the_extra(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """What is missing is told by name, before anything else is done."""
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    ended = agentd_here(home, *words)
    assert ended.code == 1
    assert ended.error.startswith(f"agentd: agentd {' '.join(words[:2])} needs prometheus_client,")
    assert not home.exists()
