"""What a person may do from the pages, where `--allow-actions` lets them."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from tests.daemon_process import DaemonProcess
from tests.ui_pages import FROM_A_PAGE, let_in, words


class Stage(NamedTuple):
    """A daemon, and a browser that may act."""

    daemon: DaemonProcess
    browser: TestClient

    def call(self, method: str, **params: Any) -> Any:
        """Ask the daemon."""
        with self.daemon.connect() as connection:
            return connection.call(method, **params)

    def register(self, *nodes: dict[str, Any]) -> str:
        """A new task."""
        task: str = self.call("RegisterTask", goal="g", initial_nodes=nodes)["task_id"]
        return task

    def send(self, path: str, **form: str) -> Any:
        """Send a form of ours."""
        return self.browser.post(
            path, content=urlencode(form, errors="surrogatepass"), headers=FROM_A_PAGE
        )

    def last(self, task: str) -> dict[str, Any]:
        """The newest event of a task."""
        event: dict[str, Any] = self.call("TaskEvents", task_id=task, limit=1)["events"][0]
        return event


@pytest.fixture(scope="module")
def stage(shared: DaemonProcess) -> Iterator[Stage]:
    """One for all."""
    with let_in(shared.socket_path, allow_actions=True) as browser:
        yield Stage(shared, browser)


def test_a_task_is_held_and_goes_on(stage: Stage) -> None:
    """Paused, resumed, cancelled: with a reason, by the person; the page that follows shows it."""
    task = stage.register({"name": "one"})
    for action, state in (("pause", "PAUSED"), ("resume", "ACTIVE"), ("cancel", "CANCELLED")):
        answer = stage.send(f"/tasks/{task}/{action}", note="no <b>quota</b>")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task}")
        assert stage.call("TaskStatus", task_id=task)["state"] == state
        assert f" {state} 0 of 1 done" in words(stage.browser.get(f"/tasks/{task}").text)
        assert {"by": "pat", "reason": "no <b>quota</b>"}.items() <= stage.last(task)[
            "payload"
        ].items()


def test_what_failed_is_tried_again(stage: Stage) -> None:
    """One node, or all of them."""
    task = stage.register({"name": "one"}, {"name": "two"})
    for name in ("one", "two"):
        held = stage.call("AcquireNextNode", task_id=task, node_id=name)
        lease = {each: held[each] for each in ("task_id", "node_id", "lease_id")}
        stage.call("FailNode", **lease, error_payload="no")
    assert "Retry …" in words(stage.browser.get(f"/tasks/{task}/nodes/one").text)
    assert stage.send(f"/tasks/{task}/nodes/one/retry").status_code == 303
    assert stage.call("TaskStatus", task_id=task)["counts"] == {"PENDING": 1, "FAILED": 1}
    assert stage.send(f"/tasks/{task}/retry").status_code == 303
    assert stage.call("TaskStatus", task_id=task)["counts"] == {"PENDING": 2}


@pytest.mark.parametrize(("action", "status"), [("approve", "COMPLETED"), ("reject", "FAILED")])
def test_a_gate_is_decided(stage: Stage, action: str, status: str) -> None:
    """With a note; and back to the page where it was asked."""
    task = stage.register({"name": "ask", "gate": {"ask": "Yes?"}})
    answer = stage.send(f"/tasks/{task}/nodes/ask/{action}", note="as said", back="/inbox")
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    node = stage.call("NodeStatus", task_id=task, node_id="ask")["node"]
    assert node["status"] == status
    assert node["result_payload"] == {"decision": action, "by": "pat", "note": "as said"}


def test_a_refusal_is_told(stage: Stage) -> None:
    """In the daemon's words."""
    task = stage.register({"name": "one"})
    answer = stage.send(f"/tasks/{task}/nodes/one/approve")
    assert answer.status_code == 409
    assert "gate_not_open" in words(answer.text)
    assert stage.send("/tasks/nix/pause").status_code == 400


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil", "nix"])
def test_a_form_leads_to_no_other_site(stage: Stage, back: str) -> None:
    """Whatever it says where to go back to."""
    task = stage.register({"name": "ask", "gate": {"ask": "Yes?"}})
    answer = stage.send(f"/tasks/{task}/nodes/ask/approve", back=back)
    assert answer.headers["location"] == "/"


def test_what_is_no_form(stage: Stage) -> None:
    """Too large, mangled, or of no action that there is."""
    task = stage.register({"name": "one"})
    assert stage.send(f"/tasks/{task}/pause", note="x" * 70_000).status_code == 413
    assert stage.send(f"/tasks/{task}/explode").status_code == 404
    assert stage.send(f"/tasks/{task}/nodes/one/explode").status_code == 404
    answer = stage.browser.post(f"/tasks/{task}/pause", content=b"\xff=%ff&", headers=FROM_A_PAGE)
    assert answer.status_code == 303
    assert stage.call("TaskStatus", task_id=task)["state"] == "PAUSED"


def test_what_was_decided_asks_no_more(stage: Stage) -> None:
    """Whoever comes back to the inbox does not find there what was decided just now."""
    tasks = [stage.register({"name": "ask", "gate": {"ask": "Yes?"}}) for _ in range(3)]
    stage.send(f"/tasks/{tasks[0]}/pause")  # it has caught up
    assert all(task in stage.browser.get("/inbox").text for task in tasks)
    for task in tasks:  # one by one, within a second
        assert stage.send(f"/tasks/{task}/nodes/ask/approve", back="/inbox").status_code == 303
        assert task not in stage.browser.get("/inbox").text
