"""`agentd serve --metrics`: the figures over HTTP, for scrapers on this machine."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.command_line import agentd
from tests.daemon_process import DaemonProcess, temporary_home
from tests.scraping import ScrapedDaemon, all_that_happens


@pytest.fixture(scope="module")
def scraped() -> Iterator[ScrapedDaemon]:
    """A daemon in which something of each kind has happened, and somebody waits."""
    with temporary_home() as home, ScrapedDaemon(home) as daemon, all_that_happens(daemon):
        yield daemon


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """The numbers by their names and the values of their labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# What is told


def test_what_happened(scraped: ScrapedDaemon) -> None:
    """A scraper reads of all that has happened, and what is so now."""
    told = samples(scraped.ask().body)
    expected = {
        ("agentd_up", ()): 1,
        ("agentd_tasks", ()): 2,
        ("agentd_tasks_registered_total", ()): 2,
        ("agentd_nodes", ("COMPLETED",)): 1,
        ("agentd_nodes", ("FAILED",)): 1,
        ("agentd_nodes", ("RUNNING",)): 1,
        ("agentd_nodes", ("PENDING",)): 4,
        ("agentd_nodes_acquired_total", ()): 4,
        ("agentd_nodes_completed_total", ()): 1,
        ("agentd_nodes_failed_total", ()): 1,
        ("agentd_failures_total", ("rate_limit",)): 1,
        ("agentd_leases_running", ()): 1,
        ("agentd_leases_overdue", ()): 0,
        ("agentd_lease_rollbacks_total", ()): 1,
        ("agentd_heartbeats_total", ()): 1,
        ("agentd_committed_events_total", ()): 1,
        ("agentd_workers_holding", ()): 1,
        ("agentd_workers_waiting", ()): 1,
        ("agentd_waiting_requests", ()): 1,
        ("agentd_gates_open", ()): 1,
        ("agentd_limits", ()): 2,
        ("agentd_limit_running", ("claude",)): 1,
        ("agentd_limit_max_running", ("claude",)): 3,
        ("agentd_limit_waiting", ("claude",)): 3,
        ("agentd_limit_closed", ("claude",)): 0,
        ("agentd_limit_closed", ("quota",)): 1,
        ("agentd_locks_held", ()): 1,
        ("agentd_locks_acquired_total", ()): 2,
        ("agentd_locks_released_total", ()): 1,
    }
    assert {key: told[key] for key in expected} == expected
    assert told["agentd_acquire_seconds_count", ()] >= 4
    assert told["agentd_acquire_seconds_sum", ()] > 0


def test_the_formats(scraped: ScrapedDaemon) -> None:
    """Who asks for nothing gets the oldest text format, who asks for a better one gets that."""
    assert scraped.ask().headers["Content-Type"].startswith("text/plain; version=0.0.4")
    plain = scraped.ask("Accept: text/plain;version=1.0.0")
    assert plain.headers["Content-Type"].startswith("text/plain; version=1.0.0")
    open_ = scraped.ask("Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.3")
    assert open_.headers["Content-Type"].startswith("application/openmetrics-text")
    names = {each.name for each in openmetrics.text_string_to_metric_families(open_.body)}  # type: ignore[no-untyped-call]
    assert names == {each.name for each in text_string_to_metric_families(plain.body)}
    folded = "Accept: application/openmetrics-text;version=2.0.\r\n X-Mine: 1"
    assert not any("X-Mine" in name for name in scraped.ask(folded).headers)
    for odd in ("text/plain;version=1.x", "application/openmetrics-text;version=1.0.x", "*/*", ""):
        assert scraped.ask(f"Accept: {odd}").status == 200


def test_the_same_as_the_verb(scraped: ScrapedDaemon) -> None:
    """`agentd metrics --prometheus` says what the endpoint says."""
    ended = agentd(scraped.home, "metrics", "--prometheus")
    told = samples(scraped.ask("Accept: text/plain;version=1.0.0").body)
    found = samples(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert {key: found[key] for key in found if key[0] != "agentd_acquire_seconds_sum"} == {
        key: told[key] for key in told if key[0] != "agentd_acquire_seconds_sum"
    }


# Who may ask


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "LOCALHOST:80", "127.0.0.1", "127.0.0.2:80", "[::1]:9"]
)
def test_hosts_of_this_machine(scraped: ScrapedDaemon, host: str) -> None:
    """Whatever port a forwarder has, what is asked for is this machine."""
    assert scraped.ask(host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.com", "127.0.0.1.evil.com", "localhost.evil.com:80", "10.0.0.1", "[::2]", "127.0.0.1:x"],
)
def test_other_hosts(scraped: ScrapedDaemon, host: str) -> None:
    """A page whose name was made to lead here is told nothing."""
    answer = scraped.ask(host=host)
    assert (answer.status, "agentd_" in answer.body) == (403, False)


def test_hosts_that_are_none_or_two(scraped: ScrapedDaemon) -> None:
    """A request names one host."""
    assert scraped.say(b"GET /metrics HTTP/1.1\r\n\r\n").status == 403
    assert scraped.ask("Host: 127.0.0.1").status == 403


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET / HTTP/1.1", 404),
        ("GET /metrics/ HTTP/1.1", 404),
        ("GET /metrics?a=b HTTP/1.1", 200),
        ("POST /metrics HTTP/1.1", 405),
        ("OPTIONS /metrics HTTP/1.1", 405),
        ("GET /metrics", 400),
        ("GET /metrics HTTP/2", 400),
        ("\x00 \x1b \xff", 400),
        ('{"id":1,"method":"Health","params":{}}', 400),
    ],
)
def test_other_requests(scraped: ScrapedDaemon, line: str, status: int) -> None:
    """There is one page, and it is read only."""
    assert scraped.ask(line=line).status == status


def test_headers_that_are_too_many(scraped: ScrapedDaemon) -> None:
    """A request has 8 KiB, and a hundred headers."""
    assert scraped.ask(f"X: {'a' * 9_000}").status == 431
    assert scraped.ask(*["X: a"] * 200).status == 431


def test_who_says_nothing(scraped: ScrapedDaemon) -> None:
    """Those who are silent keep nobody out who asks."""
    silent = [scraped.stranger() for _ in range(10)]
    try:
        assert scraped.ask().status == 200
    finally:
        for each in silent:
            each.close()


# Start and stop


def test_version_six() -> None:
    """It listens on either loopback address."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with temporary_home() as home, ScrapedDaemon(home, "::1") as daemon:
        assert daemon.ask().status == 200


def test_a_restart(home: Path) -> None:
    """Counters begin anew with the daemon, and its start tells of it; the port is free at once."""
    with ScrapedDaemon(home) as daemon:
        with daemon.connect() as connection:
            connection.call("RegisterTask", goal="g", initial_nodes=[{}])
        before = samples(daemon.ask().body)
        daemon.command = [*(daemon.command or [])[:-1], f"127.0.0.1:{daemon.port}"]
        daemon.kill()
        daemon.start()
        after = samples(daemon.ask().body)
    for name, numbers in {"agentd_tasks_registered_total": (1, 0), "agentd_tasks": (1, 1)}.items():
        assert (before[name, ()], after[name, ()]) == numbers
    assert before["agentd_start_time_seconds", ()] < after["agentd_start_time_seconds", ()]


def test_a_stop(home: Path) -> None:
    """Whoever is connected keeps no daemon from its end, and is no fault."""
    with ScrapedDaemon(home) as daemon, daemon.stranger(), daemon.stranger() as begun:
        begun.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        assert daemon.ask().status == 200
        assert daemon.stop() == 0
        assert [line.split()[1] for line in daemon.stderr().splitlines()] == ["INFO"] * 4


def test_a_port_that_is_taken(home: Path, scraped: ScrapedDaemon) -> None:
    """Two daemons do not share one, and the second says so and does not start."""
    ended = agentd(home, "serve", "--metrics", f"127.0.0.1:{scraped.port}")
    assert (ended.code, "another program listens" in ended.error) == (1, True)


@pytest.mark.parametrize("where", ["0.0.0.0:1", "10.0.0.1:1", "localhost:1", "1", "127.0.0.1:x"])
def test_an_address_that_is_refused(home: Path, where: str) -> None:
    """It is an address of this machine alone, in digits."""
    ended = agentd(home, "serve", "--metrics", where)
    assert (ended.code, repr(where) in ended.err) == (2, True)
    assert not home.exists()


def test_without_it(shared: DaemonProcess) -> None:
    """A daemon that was not asked to listens nowhere."""
    assert "/metrics" not in shared.stderr()
