"""examples/grafana-dashboard.json, against what a real daemon tells."""

import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon_process import REPOSITORY, temporary_home
from tests.scraping import ScrapedDaemon, all_that_happens

DASHBOARD: dict[str, Any] = json.loads(
    (REPOSITORY / "examples" / "grafana-dashboard.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus itself gives to all that it scrapes."""

VARIABLES = {"$job", "$instance", "$__rate_interval", "${datasource}"}
WORDS = {"sum", "min", "max", "rate", "changes", "time", "by", "or", "up"}
"""Of the language that queries are written in."""

UNITS = {"none", "short", "s", "cps", "percentunit"}
COLUMNS = 24

METRIC = re.compile(r"\b(agentd_\w+|up)\b\s*(?:\{([^}]*)\})?")
MATCHER = re.compile(r'\s*(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"\s*')


def expressions() -> list[tuple[str, str]]:
    """Every query, and how its lines are called."""
    asked = [
        (target["expr"], target["legendFormat"]) for panel in PANELS for target in panel["targets"]
    ]
    asked += [(each["expr"], "") for each in DASHBOARD["annotations"]["list"]]
    asked += [
        (re.sub(r"label_values\((.*), (\w+)\)", r"sum by (\2) (\1)", each["definition"]), "")
        for each in DASHBOARD["templating"]["list"]
        if each["type"] == "query"
    ]
    return asked


EXPRESSIONS = expressions()


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of every name that a daemon tells in which each kind of thing has happened."""
    with temporary_home() as home, ScrapedDaemon(home) as daemon, all_that_happens(daemon):
        told = daemon.ask().body
    found: dict[str, set[str]] = {"up": set()}  # which Prometheus has of all that it scrapes
    for family in text_string_to_metric_families(told):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize(("query", "legend"), EXPRESSIONS, ids=[each for each, _ in EXPRESSIONS])
def test_what_is_asked_is_told(labels: dict[str, set[str]], query: str, legend: str) -> None:
    """Every name and label of a query is one that a daemon tells."""
    names = METRIC.findall(query)
    assert names
    known = set(OF_THE_SCRAPE)
    for name, selector in names:
        assert name in labels
        known |= labels[name]
        matchers = [MATCHER.fullmatch(each) for each in selector.split(",") if each]
        assert {each and each[1] for each in matchers} <= labels[name] | OF_THE_SCRAPE
    by = {
        word.strip() for group in re.findall(r"by \(([^)]*)\)", query) for word in group.split(",")
    }
    assert by | set(re.findall(r"\{\{(\w+)\}\}", legend)) <= known
    kept = by if "by (" in query else known
    assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= kept


@pytest.mark.parametrize("query", [each for each, _ in EXPRESSIONS])
def test_every_word_is_known(query: str) -> None:
    """A query has no word that is neither a name, a label nor one of the language."""
    for pair in ("()", "{}", "[]"):
        assert query.count(pair[0]) == query.count(pair[1])
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", "", query)
    assert {word for word in re.findall(r"[A-Za-z_]\w*", bare) if word[:7] != "agentd_"} <= WORDS
    assert set(re.findall(r"\$\{?\w+\}?", query)) <= VARIABLES


@pytest.mark.parametrize("query", [each for each, _ in EXPRESSIONS])
def test_counters_and_gauges(query: str) -> None:
    """What only grows is asked for its rate, and nothing else is."""
    for name in re.findall(r"rate\((\w+)", query):
        assert name.endswith(("_total", "_sum", "_count"))
    for name, _ in METRIC.findall(re.sub(r"rate\(.*?\]\)", "", query)):
        assert not name.endswith(("_total", "_sum", "_count"))


def test_every_kind_of_figure_is_shown(labels: dict[str, set[str]]) -> None:
    """What no panel shows is left out on purpose."""
    shown = {name for query, _ in EXPRESSIONS for name, _ in METRIC.findall(query)}
    assert labels.keys() - shown == {
        "agentd_schema_version",
        "agentd_tasks",
        "agentd_tasks_registered_total",
        "agentd_heartbeats_total",
        "agentd_committed_events_total",
        "agentd_workers",
        "agentd_limits",
        "agentd_locks_acquired_total",
        "agentd_locks_released_total",
        "agentd_conflicts_total",
    }


def test_panels() -> None:
    """Each has a number of its own, a title, a sentence, a unit and a place that no other has."""
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < COLUMNS
        taken |= cells
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_units(panel: dict[str, Any]) -> None:
    """A rate is told by the second, seconds are seconds, and a share is a share."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for target in panel["targets"]:
        query = target["expr"]
        is_seconds = "_seconds" in query
        is_share = "/" in query and not is_seconds
        is_rate = "rate(" in query and not is_seconds and not query.startswith("60 *")
        assert (unit == "s", unit == "percentunit", unit == "cps") == (
            is_seconds,
            is_share,
            is_rate,
        )


def test_the_datasource_is_chosen() -> None:
    """Whoever loads it says which Prometheus; nothing names one of ours."""
    first = DASHBOARD["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    asked = [*PANELS, *(target for panel in PANELS for target in panel["targets"])]
    asked += [*DASHBOARD["templating"]["list"][1:], *DASHBOARD["annotations"]["list"]]
    assert {each["datasource"]["uid"] for each in asked} == {"${datasource}"}
    assert "id" not in DASHBOARD
