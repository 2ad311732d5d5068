"""What pages call nodes, attempts and states: the same on each of them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.daemon_process import PATIENCE_SECONDS
from tests.ui_pages import let_in, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from tests.daemon_process import Connection, DaemonProcess

NODES = [
    {"name": "flaky", "retry": {"max_attempts": 3, "backoff_secs": 0}},
    {"name": "ask", "gate": {"ask": "Yes?"}},
    {"name": "after", "dependencies": ["ask"]},
]


def hold(connection: Connection, task: str) -> dict[str, Any]:
    """Acquire a node of the task."""
    held = connection.call("AcquireNextNode", task_id=task, lease_owner="ann")
    return {name: held[name] for name in ("task_id", "node_id", "lease_id")}


@pytest.fixture(scope="module")
def browser(shared: DaemonProcess) -> Iterator[TestClient]:
    """One that was let in."""
    with let_in(shared.socket_path) as found:
        yield found


@pytest.fixture(scope="module")
def task(shared: DaemonProcess) -> str:
    """One of which a node was tried twice."""
    with shared.connect() as connection:
        task: str = connection.call("RegisterTask", goal="g", initial_nodes=NODES)["task_id"]
        for _ in range(2):
            connection.call("FailNode", **hold(connection, task), error_payload="no")
    return task


def test_an_attempt_has_its_own_number(browser: TestClient, task: str) -> None:
    """In the drawing as in the list."""
    page = browser.get(f"/tasks/{task}/nodes/flaky").text
    drawing = page[page.index("<svg", page.index('id="attempts"')) :].partition("</svg>")[0]
    assert {*re.findall(r"try \d", drawing)} == {"try 1", "try 2"}


@pytest.mark.parametrize(
    ("node", "state"), [("flaky", "runnable"), ("ask", "gate"), ("after", "PENDING")]
)
def test_a_state_is_the_same_everywhere(
    browser: TestClient, task: str, node: str, state: str
) -> None:
    """The page of a node says what the row of its task's page says."""
    row = re.search(
        rf"(?s)<tr data-key=(?:(?!</tr>).)*<bdi>{node}</bdi>.*?</tr>",
        browser.get(f"/tasks/{task}").text,
    )
    assert row
    assert f"{state}</span>" in row[0]
    head = browser.get(f"/tasks/{task}/nodes/{node}").text.partition("</header>")[2]
    assert f"{state}</span>" in head.partition("</header>")[0]


@pytest.mark.usefixtures("task")
def test_the_journal_names_nodes(browser: TestClient) -> None:
    """By their names, also in the journal of all tasks."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while "FAIL_NODE flaky g" not in (told := words(browser.get("/journal").text)):
        assert time.monotonic() < ends_at, told  # the goals are read a moment later
        time.sleep(0.02)
    assert "OPEN_GATE ask g" in told


def test_a_node_that_is_gone_has_an_id(browser: TestClient) -> None:
    """It spoils no page: what cannot be asked for is called by the end of its id."""
    held = browser.app.state.lookout.held  # type: ignore[attr-defined]
    gone = "01a22564-a572-7a48-8036-70f46d0c347a"
    assert browser.portal
    assert browser.portal.call(held.label, gone, gone) == gone[-8:]


def test_why_a_node_failed_is_on_the_page_of_its_task(
    browser: TestClient, shared: DaemonProcess
) -> None:
    """However much has happened since, and since nobody looked."""
    with shared.connect() as connection:
        nodes = [{"name": "one"}, {"name": "two"}]
        task = connection.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
        first, second = (hold(connection, task) for _ in nodes)
        connection.call("FailNode", **first, error_payload={"message": "no disk"})
        for number in range(120):
            connection.call("CommitEvent", **second, payload={"message": str(number)})
    assert "no disk" in words(browser.get(f"/tasks/{task}").text)
