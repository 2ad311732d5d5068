"""What `agentd loop` refuses before anything is registered or sent."""

from pathlib import Path

import pytest

from tests.command_line import agentd
from tests.daemon_process import DaemonProcess
from tests.loop_run import events, loop, tasks


def test_without_a_daemon(home: Path) -> None:
    """The loop needs one, says so, and sends nothing anywhere."""
    ended = agentd(home, "loop", "--offline")
    assert ended.code == 3
    assert "no socket at" in ended.error
    assert "agentd serve" in ended.error


def test_without_a_key(shared: DaemonProcess) -> None:
    """Nothing is registered; the error names the variable and the way without it."""
    before = tasks(shared)
    ended = loop(shared, DEEPSEEK_API_KEY=None)
    assert ended.code == 2
    assert "DEEPSEEK_API_KEY is not set" in ended.error
    assert "--offline" in ended.error
    assert tasks(shared) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--offline", "--workers", "65"], "argument --workers: '65'"),
        (["--offline", "--temperature", "3"], "--temperature='3.0': expected a number"),
        (["--offline", "--base-url", "http://a"], "leave --base-url out"),
        (["--offline", "--task", "0" * 32, "--goal", "x"], "--goal is for a new task"),
        (["--offline", "--goal", " "], "--goal is empty: say what the agents are to do"),
    ],
)
def test_arguments_that_do_not_fit(shared: DaemonProcess, arguments: list[str], told: str) -> None:
    """The flag is named, and nothing is registered."""
    before = tasks(shared)
    ended = loop(shared, *arguments)
    assert ended.code == 2
    assert told in ended.err
    assert tasks(shared) == before


def test_a_task_of_somebody_else(shared: DaemonProcess) -> None:
    """A task whose nodes name no agents is left alone."""
    with shared.connect() as connection:
        task_id = connection.call("RegisterTask", goal="g", initial_nodes=[{}])["task_id"]
    ended = loop(shared, "--offline", "--task", task_id)
    assert ended.code == 1
    assert f"task {task_id} was not registered by agentd loop" in ended.error
    assert [e["action_type"] for e in events(shared, task_id)] == ["REGISTER_TASK", "ADD_NODE"]


def test_a_place_that_cannot_be_written(shared: DaemonProcess, tmp_path: Path) -> None:
    """It is known before the first request, and before anything is registered."""
    before = tasks(shared)
    (tmp_path / "file").touch()
    ended = loop(shared, "--offline", "--artifact-dir", str(tmp_path / "file"))
    assert ended.code == 1
    assert "set AGENTD_ARTIFACT_DIR to another place" in ended.error
    assert tasks(shared) == before
