"""`agentd loop` decodes what it looks at, and nothing else: other people's JSON breaks nothing."""

import uuid
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import asdict

from agentd import Client
from agentd.api import RecordedEventView, TaskStatusResult, TaskView
from agentd.loop import completion
from agentd.loop.agents import AGENTS, node_specs
from agentd.loop.report import RunReport, error_advice, error_message
from agentd.loop.result import AgentResult, Artifact, decode_result
from tests.daemon_process import DaemonProcess
from tests.loop_run import loop

HUGE = {"large": "1e400", "small": "-1E+9999", "long": "9" * 6000}
each_number = pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)

RESULT = AgentResult(
    "worker-script", "m", Artifact("/a/worker.py", 9, "00"), "x", is_cut=False, usage=None
)


def with_number(value: Any, number: str) -> Raw:
    """An object as JSON that has a field more, with that number."""
    return Raw(msgspec.json.encode(value)[:-1] + f',"more":[{number}]}}'.encode())


@each_number
def test_a_run(shared: DaemonProcess, number: str) -> None:
    """Payloads, results and events with such numbers in them are taken as any other."""
    with Client(shared.socket_path) as client:
        ids = [str(uuid.uuid4()) for _ in AGENTS]
        registered: list[Any] = [
            {**node, "payload_schema": with_number(node["payload_schema"], number)}
            for node in node_specs(ids)
        ]
        task_id = client.register_task("g", initial_nodes=registered).task_id
        acquired = client.acquire_next_node(task_id)
        assert acquired is not None
        with client.lease(acquired) as lease:
            lease.commit("DEEPSEEK_RETRY", Raw(number.encode()))
            lease.result = with_number(asdict(RESULT), number)
        ended = loop(shared, "--offline", "--task", task_id)
        assert "3 of 4 artifacts" in ended.out  # the one that we claim to have is not there
        assert ended.err == ""
        assert client.task_status(task_id).counts == {"COMPLETED": 4}


@each_number
def test_a_failure(shared: DaemonProcess, number: str) -> None:
    """What a node failed with is told with its message and its advice, or as it stands."""
    error = with_number({"message": "no room", "next": "make some"}, number)
    with Client(shared.socket_path) as client:
        ids = [str(uuid.uuid4()) for _ in AGENTS]
        task_id = client.register_task("g", initial_nodes=node_specs(ids)).task_id
        for payload in (error, Raw(number.encode())):
            acquired = client.acquire_next_node(task_id)
            assert acquired is not None
            client.fail_node(task_id, acquired.node_id, acquired.lease_id, payload)
    ended = loop(shared, "--offline", "--task", task_id)
    assert ended.code == 1
    assert "worker-script: no room: make some\n" in ended.out
    assert f"ipc-contract: {number}\n" in ended.out


@each_number
def test_the_account(shared: DaemonProcess, number: str) -> None:
    """Who does what is told of every event, whatever else stands in it."""
    payloads = {
        "ACQUIRE_NODE": {"lease_owner": "me"},
        "DEEPSEEK_REQUEST_STARTED": {"model": "m"},
        "DEEPSEEK_RETRY": {"wait_ms": 1500, "message": "busy"},
        "DEEPSEEK_RESPONSE": {"latency_ms": 5, "usage": {"completion_tokens": 7}},
        "FAIL_NODE": {"error": {"message": "no room"}},
        "COMPLETE_NODE": {"result": asdict(RESULT)},
    }
    with Client(shared.socket_path) as client:
        task = client.register_task("goal", initial_nodes=[{}])
        for action_type, payload in payloads.items():
            client.commit_event(
                task.task_id,
                task.node_ids[0],
                action_type=action_type,
                payload=with_number(payload, number),
            )
        events = client.task_events(task.task_id, after=0).events
        told = list(RunReport(client.task_status(task.task_id)).lines(events))
    assert {line.who for line in told} == {"me"}
    assert [(line.what, line.about.partition(": ")[2]) for line in told] == [
        ("takes", ""),
        ("asks", "m"),
        ("waits", "1.5 s, busy"),
        ("is answered", "in 5 ms, 7 tokens"),
        ("FAILS", "no room"),
        ("completes", "worker.py"),
    ]


LONG = "9" * 400


@pytest.mark.parametrize(
    ("action_type", "payload"),
    [
        ("DEEPSEEK_RETRY", '{"wait_ms":%s,"message":"busy"}'),
        ("DEEPSEEK_RESPONSE", '{"latency_ms":%s,"usage":null}'),
    ],
)
def test_numbers_that_nobody_reckons_with(action_type: str, payload: str) -> None:
    """An integer that Python has, but cannot divide or write, is as little the loop's as text."""
    event = RecordedEventView(
        "e", "t", "n", action_type, Raw((payload % LONG).encode()), "2026-01-31T12:00:00.123Z", 1
    )
    nobody = TaskStatusResult(TaskView("t", "g", Raw(b"{}"), event.timestamp), {}, [])
    assert list(RunReport(nobody).lines([event])) == []


def test_a_result_of_endless_tokens() -> None:
    """Their sum might be one that Python does not write: it is no result of the loop."""
    known = msgspec.json.encode(RESULT)
    assert decode_result(Raw(known)) == RESULT
    spent = b'"usage":{"total_tokens":%b}' % LONG.encode()
    assert decode_result(Raw(known.replace(b'"usage":null', spent))) is None


@each_number
def test_an_answer_of_the_endpoint(number: str) -> None:
    """Counters that nobody could count to are left out; the text is as good as any."""
    body = (
        f'{{"choices":[{{"message":{{"content":"text"}}}}],"more":{number},'
        f'"usage":{{"prompt_tokens":3,"completion_tokens":{number},"details":[{number}]}}}}'
    )
    found = completion.parse_completion(body.encode(), str, 120)
    assert (found.text, found.usage) == ("text", {"prompt_tokens": 3})


@pytest.mark.parametrize("text", [b"1e400", b"{}", b"[]", b'{"message":7,"next":8}', b'""'])
def test_a_complaint_without_words(text: bytes) -> None:
    """It is told as it stands, and nothing is advised."""
    assert error_message(Raw(text)) == text.decode()
    assert error_advice(Raw(text)) is None
    assert decode_result(Raw(text)) is None
