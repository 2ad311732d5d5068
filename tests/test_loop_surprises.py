"""What an endpoint or another client of the task may say, and the loop takes it calmly."""

from typing import Any

import pytest

from agentd import Client
from agentd.loop import completion
from agentd.loop.failures import TransientFailure
from agentd.loop.report import RunReport
from agentd.loop.retries import retry_after
from tests.daemon_process import DaemonProcess

DEEP = "[" * 100_000 + "]" * 100_000
"""JSON, but deeper than anybody reads."""

PAYLOADS: list[Any] = [5, None, {}, {"lease_owner": 1}, {"result": 1}, {"error": []}]


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 99999999999999999999 Jan 2026 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +999999999999999999999",
        "1e999",
    ],
)
def test_a_date_that_is_none(date: str) -> None:
    """A Retry-After that names no moment is as good as none."""
    assert retry_after(date, 0.0) is None


def test_an_answer_without_a_bottom() -> None:
    """An answer that is nested too deep is a failure that passes, not one of ours."""
    body = f'{{"choices":[{{"message":{{"content":"text"}}}}],"usage":{DEEP}}}'.encode()
    with pytest.raises(TransientFailure, match="no chat completion"):
        completion.parse_completion(body, str, 120)


def test_an_error_without_a_bottom() -> None:
    """So is an error that is nested too deep quoted as it is."""
    body = f'{{"error":{{"message":"busy","more":{DEEP}}}}}'.encode()
    assert completion.error_message(body, str).startswith('{"error":{"message":"busy"')


def test_events_by_other_hands(shared: DaemonProcess) -> None:
    """Any client may commit an event of any type: the account goes on."""
    with Client(shared.socket_path) as client:
        task = client.register_task("goal", initial_nodes=[{}])
        for action_type in ("ACQUIRE_NODE", "COMPLETE_NODE", "FAIL_NODE", "ELSE"):
            for payload in PAYLOADS:
                client.commit_event(
                    task.task_id, task.node_ids[0], action_type=action_type, payload=payload
                )
        events = client.task_events(task.task_id, after=0).events
        told = list(RunReport(client.task_status(task.task_id)).lines(events))
    assert [line.what for line in told] == ["completes", "FAILS"]
