"""Addresses of pages that somebody types, mangles, or that names of nodes make."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

import pytest

from agentd.ui.headers import HEADERS
from agentd.ui.pages import overview
from tests.ui_pages import let_in, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from tests.daemon_process import DaemonProcess

NAMES = ("src/main", "..")


class Stage(NamedTuple):
    """A browser, a task that is paused and of which a node runs, and that node."""

    browser: TestClient
    task: str
    node: str
    seq: int

    def get(self, path: str) -> tuple[int, str]:
        """The status of a page, and what it is made of."""
        answer = self.browser.get(path)
        return answer.status_code, answer.text


@pytest.fixture(scope="module")
def stage(shared: DaemonProcess) -> Iterator[Stage]:
    """One for all: the tests here only look."""
    with pytest.MonkeyPatch.context() as patch, shared.connect() as connection:
        patch.setenv("AGENTD_HOME", str(shared.home))
        nodes = [{"name": name} for name in ("runs", "free", *NAMES)]
        task = connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
        held = connection.call("AcquireNextNode", task_id=task, lease_owner="ann")
        connection.call("PauseTask", task_id=task)
        seq = connection.call("WatchEvents", limit=1)["last_seq"]
        with let_in(shared.socket_path) as browser:
            yield Stage(browser, task, held["node_id"], seq)


@pytest.mark.parametrize("page", ["", "/graph", "/gantt", "/nodes/free"])
@pytest.mark.parametrize("at", ["yesterday", "-1", "2026-01-31"])
def test_a_moment_that_is_none(stage: Stage, page: str, at: str) -> None:
    """Every page that takes one says what one is."""
    status, text = stage.get(f"/tasks/{stage.task}{page}?at={at}")
    assert status == 400
    assert "a moment in RFC 3339" in words(text)


def test_a_log_that_was_never_kept(stage: Stage) -> None:
    """It is said that there is none: an empty file would say that nothing was written."""
    status, text = stage.get(f"/tasks/{stage.task}/nodes/{stage.node}/log/stdout?attempt=9")
    assert status == 404
    assert "nothing is kept here of attempt 9" in words(text)


def test_names_that_no_path_can_have(stage: Stage) -> None:
    """A node of such a name is found by its link all the same."""
    _, text = stage.get(f"/tasks/{stage.task}")
    for name in NAMES:
        link = re.search(rf'href="([^"]*)"><bdi>{re.escape(name)}</bdi></a>[,\s<]', text)
        assert link, name
        where = unescape(link[1])
        assert where.startswith(f"/tasks/{stage.task}?node="), where
        status, found = stage.get(where)
        assert status == 200
        assert f"<bdi>{name}</bdi></a></th>" in found


@pytest.mark.parametrize("query", ["", "?at={seq}"])
def test_nothing_of_a_task_that_is_paused_can_be_handed_out(stage: Stage, query: str) -> None:
    """Its page says so of every node, now and as it was then."""
    status, text = stage.get(f"/tasks/{stage.task}{query.format(seq=stage.seq)}")
    assert status == 200
    assert '<tr data-key="' in text
    assert 'class="state runnable"' not in text
    assert text.count('" class="pending">') == 3


def test_an_id_in_other_letters(stage: Stage) -> None:
    """What happens to the task is news for that page, too."""
    _, text = stage.get(f"/tasks/{stage.task.upper()}")
    assert f'data-names="{stage.task} ' in text


@pytest.mark.parametrize("page", ["", "/nodes/free"])
def test_what_others_hold_is_news_for_who_waits(stage: Stage, page: str) -> None:
    """A limit or lock that another task let go is no event of the task that waits for it."""
    _, text = stage.get(f"/tasks/{stage.task}{page}")
    assert f'data-names="{stage.task} limits locks"' in text


def test_a_page_beyond_the_last(stage: Stage) -> None:
    """It does not say that there is nothing at all."""
    for path in ("/?page=99", f"/tasks/{stage.task}?page=99"):
        status, text = stage.get(path)
        assert status == 200
        assert "this page is beyond the last" in words(text)


def test_a_fault_of_our_own_is_locked_down(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that says so has the headers that every page has."""

    async def fail(_request: object) -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setattr(overview.PAGE, "load", fail)
    answer = stage.browser.get("/?goal=none")
    assert answer.status_code == 500
    assert "fault of agentd's own" in words(answer.text)
    assert HEADERS.items() <= dict(answer.headers).items()
