"""`agentd work` whose command cannot do its node now: it gives it back, without blame."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import Client
from agentd.worker.later import Later, parse_later
from tests.daemon_process import DaemonProcess
from tests.working import node, task, work, working


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.fixture
def once(tmp_path: Path) -> str:
    """What a script begins with that ends well the second time."""
    return f'test -e "{tmp_path}/mark" && exit 0; touch "{tmp_path}/mark"; '


def attempts(client: Client, task_id: str) -> list[tuple[str, Any]]:
    """How the attempts of the task's only node ended, and with what."""
    shown = client.node_status(task_id, node(client, task_id).id).attempts
    return [(each.how, json.loads(bytes(each.error))) for each in shown]


def test_exit_code_75(shared: DaemonProcess, client: Client, once: str) -> None:
    """It gives the node back, with the command's last words as the reason."""
    task_id = task(client, 1)
    ended = work(shared, task_id, once + "echo '429: slow down' >&2; exit 75", "--later-secs", "1s")
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 1 given back, 0 lost\n")
    assert attempts(client, task_id) == [
        ("released", "exit code 75: 429: slow down"),
        ("completed", None),
    ]


def test_it_is_for_a_minute(shared: DaemonProcess, client: Client) -> None:
    """Where nobody says otherwise; and no number of them is a failure that stops the worker."""
    task_id = task(client, *range(4))
    with working(shared, task_id, "echo begins >&2; exit 75") as process:
        assert process.stderr is not None
        assert any("nothing is runnable now" in line for line in process.stderr)
    for each in client.task_status(task_id).nodes:
        assert each.status == "PENDING"
        assert each.not_before is not None
        assert 55 < each.not_before - each.updated_at <= 61


def test_another_exit_code(shared: DaemonProcess, client: Client, once: str) -> None:
    """--later-exit says which; 75 is a failure then."""
    task_id = task(client, 1)
    flags = ("--later-exit", "9", "--later-secs", "0")
    ended = work(shared, task_id, once + "exit 9", *flags)
    assert ended.out == "1 completed, 0 failed, 1 given back, 0 lost\n"
    task_id = task(client, 1)
    work(shared, task_id, "exit 75", *flags)
    assert attempts(client, task_id) == [("failed", {"exit_code": 75, "stderr": ""})]


LINE = 'AGENTD_LATER {"after_secs": 0.5, "close_limit": "%s", "reason": "quota"}'


def limited(client: Client, limit: str) -> str:
    """A task whose only node takes a slot of a limit."""
    return client.register_task("work", initial_nodes=[{"limits": [limit]}]).task_id


def closings(client: Client, limit: str) -> list[dict[str, Any]]:
    """What was said each time that a limit was closed."""
    seen = client.watch_events(after_seq=0, kinds=["CLOSE_LIMIT"], limit=1000).events
    told = [json.loads(bytes(event.payload)) for event in seen]
    return [each for each in told if each["name"] == limit]


def test_the_last_line_says_more(shared: DaemonProcess, client: Client, once: str) -> None:
    """For how long, why, and which limit is closed for all meanwhile."""
    task_id = limited(client, "quota-a")
    script = once + f"echo first >&2; echo '{LINE % 'quota-a'}' >&2; echo >&2; exit 75"
    ended = work(shared, task_id, script, "--owner", "me")
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 1 given back, 0 lost\n")
    assert attempts(client, task_id)[0] == ("released", "quota")
    [closing] = closings(client, "quota-a")
    assert (closing["reason"], closing["by"]) == ("quota", "me")
    kinds = [event.action_type for event in client.watch_events(after_seq=0, limit=1000).events]
    assert kinds.index("CLOSE_LIMIT") < kinds.index("RELEASE_NODE", kinds.index("CLOSE_LIMIT"))


@pytest.mark.parametrize("code", [0, 1, 3])
def test_it_counts_with_that_exit_code_only(
    shared: DaemonProcess, client: Client, code: int
) -> None:
    """Nothing else that a command prints steers a plan: it may repeat what strangers wrote."""
    task_id = limited(client, "quota-b")
    work(shared, task_id, f"echo '{LINE % 'quota-b'}' >&2; exit {code}")
    assert closings(client, "quota-b") == []
    assert node(client, task_id).status == ("FAILED" if code else "COMPLETED")


def test_it_counts_as_the_last_line_only(shared: DaemonProcess, client: Client, once: str) -> None:
    """In the middle, or on standard output, it is a line like others."""
    task_id = limited(client, "quota-c")
    line = f"echo '{LINE % 'quota-c'}'"
    script = once + f"{line} >&2; echo over >&2; {line}; exit 75"
    work(shared, task_id, script, "--later-secs", "0")
    assert closings(client, "quota-c") == []
    assert attempts(client, task_id)[0] == ("released", "exit code 75: over")


def test_a_limit_that_nobody_knows(shared: DaemonProcess, client: Client, once: str) -> None:
    """It is told, and the node is given back all the same."""
    task_id = task(client, 1)
    ended = work(shared, task_id, once + f"echo '{LINE % 'no-such'}' >&2; exit 75")
    assert ended.out == "1 completed, 0 failed, 1 given back, 0 lost\n"
    assert "] the limit 'no-such' was not closed: " in ended.err
    assert attempts(client, task_id)[0] == ("released", "quota")


def test_a_limit_is_never_opened(shared: DaemonProcess, client: Client, once: str) -> None:
    """Closed for no time it would be open, though another worker has closed it."""
    client.set_limit("theirs", max_running=1)
    client.close_limit("theirs", for_secs=3600)
    task_id = task(client, 1)
    said = '{"after_secs": 0, "close_limit": "theirs"}'
    ended = work(shared, task_id, f"{once}echo 'AGENTD_LATER {said}' >&2; exit 75")
    assert "the limit 'theirs' was not closed: for how long is not said" in ended.err
    [limit] = [each for each in client.list_limits().limits if each.name == "theirs"]
    assert limit.closed_until is not None


def test_a_line_of_another_form(shared: DaemonProcess, client: Client, once: str) -> None:
    """It is told, and the time is that of the worker."""
    task_id = task(client, 1)
    script = once + """echo 'AGENTD_LATER {"after_secs": "soon"}' >&2; exit 75"""
    ended = work(shared, task_id, script, "--later-secs", "0")
    assert ended.out == "1 completed, 0 failed, 1 given back, 0 lost\n"
    assert "] the last line is not as AGENTD_LATER should be: Expected" in ended.err


def test_what_the_line_may_say() -> None:
    """Each part may be missing; a long reason is cut; any other line says nothing."""
    assert parse_later(b"AGENTD_LATER {}") == Later()
    assert parse_later(b'AGENTD_LATER {"after_secs": 600}') == Later(after_secs=600)
    assert parse_later(b"try again later") == Later()
    long = parse_later(b'AGENTD_LATER {"reason": "%s"}' % (b"x" * 5000)).reason
    assert long == "x" * 1000


@pytest.mark.parametrize(
    "said", ["", "600", "{", '{"after_secs": -1}', '{"close_limit": ""}', '{"after": 5}']
)
def test_what_the_line_may_not_say(said: str) -> None:
    """Anything else is refused as a whole."""
    with pytest.raises(ValueError, match=r"\S"):
        parse_later(b"AGENTD_LATER " + said.encode())
