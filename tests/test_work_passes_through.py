"""`agentd work` carries JSON and does not decode it: what is legal on the wire fails no node."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Raw

from agentd import Client
from tests.command_line import agentd
from tests.daemon_process import DaemonProcess
from tests.working import node, task, work

HUGE = {"large": "1e400", "small": "-1E+9999", "long": "9" * 6000}
each_number = pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


def raw_result(client: Client, task_id: str) -> str:
    """The result of the task's only node, as it stands in the journal."""
    return bytes(node(client, task_id).result_payload).decode()


@each_number
def test_a_number_that_python_has_not(shared: DaemonProcess, client: Client, number: str) -> None:
    """Payload, event and result may hold it: the node is shown by its name, and completed."""
    payload = Raw(b'{"x":%b,"name":"crunch"}' % number.encode())
    task_id = task(client, payload)
    said = f'AGENTD_EVENT {{"action_type":"SAID","payload":{number}}}'
    ended = work(shared, task_id, f"echo '{said}' >&2; echo seen >&2; echo '[{number}]'")
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 0 given back, 0 lost\n")
    assert "[crunch] seen" in ended.err.splitlines()
    assert raw_result(client, task_id) == f"[{number}]"
    events = client.task_events(task_id, after=0).events
    assert [bytes(e.payload).decode() for e in events if e.action_type == "SAID"] == [number]


@each_number
def test_the_context_has_it_as_it_was_written(
    shared: DaemonProcess, client: Client, number: str
) -> None:
    """The command reads the very bytes that were registered."""
    task_id = task(client, Raw(b'{"x":%b}' % number.encode()))
    ended = work(shared, task_id, f'grep -c \'"payload_schema":{{"x":{number}}}\'')
    assert ended.code == 0
    assert raw_result(client, task_id) == "1"


NO_JSON_FOR_THE_DAEMON: dict[str, tuple[str, Any]] = {
    "too deep": ("[" * 119 + "]" * 119, "[" * 119 + "]" * 119),
    "far too deep": ("[" * 20_000 + "]" * 20_000, "[" * 20_000 + "]" * 20_000),
    "half of a pair": (r'"\ud800"', r'"\ud800"'),
}


@pytest.mark.parametrize(
    ("written", "kept"), NO_JSON_FOR_THE_DAEMON.values(), ids=NO_JSON_FOR_THE_DAEMON
)
def test_what_the_daemon_does_not_take_as_json(
    shared: DaemonProcess, client: Client, written: str, kept: str
) -> None:
    """It is text then: a command that has ended well fails no node with what it wrote."""
    task_id = task(client, 1)
    ended = agentd(shared.home, "work", "--task", task_id, "--", "printf", "%s", written)
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 0 given back, 0 lost\n")
    assert client.call("TaskStatus", {"task_id": task_id})["nodes"][0]["result_payload"] == kept


def test_the_deepest_json_that_there_may_be(shared: DaemonProcess, client: Client) -> None:
    """It is passed on as JSON."""
    task_id, deep = task(client, 1), "[" * 118 + "]" * 118
    agentd(shared.home, "work", "--task", task_id, "--", "echo", deep)
    assert raw_result(client, task_id) == deep
