"""What may be sent, and what never is: values, lengths, ids."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agentd import AsyncClient, Client
from agentd.errors import InvalidParams, RequestTooLarge, TaskNotFound
from tests.clients import each_client
from tests.fake_daemon import answers, fake_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import DaemonProcess


@each_client
@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, "\ud800"], ids=["object", "key", "text"])
def test_what_is_no_json_is_never_sent(tmp_path: Path, opened: Any, value: Any) -> None:
    """A value that no JSON stands for is the caller's error, and the daemon never hears of it."""
    path = tmp_path / "s"
    with fake_daemon(path, answers({})) as daemon, opened(path) as client:
        asks: tuple[Callable[[], Any], ...] = (
            lambda: client.register_task("g", context=value),
            lambda: client.commit_event("t", "n", payload=value),
            lambda: client.call("Health", {"x": value}),
        )
        for ask in asks:
            with pytest.raises((TypeError, ValueError)):
                ask()
    assert (daemon.accepted, daemon.requests) == (0, [])


@each_client
def test_a_line_that_is_too_long_is_never_sent(tmp_path: Path, opened: Any) -> None:
    """More than a line may have is refused before it is sent, with what to do instead."""
    path = tmp_path / "s"
    told = r"1048\d{3} bytes.*1048576.*send their paths"
    with (
        fake_daemon(path, answers({})) as daemon,
        opened(path) as client,
        pytest.raises(RequestTooLarge, match=told),
    ):
        client.register_task("g" * 1_048_576)
    assert daemon.accepted == 0


@each_client
def test_the_longest_line_and_the_longest_answer(shared: DaemonProcess, opened: Any) -> None:
    """What fits in a line goes through, there and back."""
    context = "x" * 1_048_000
    with opened(shared.socket_path) as client:
        task_id = client.register_task("g", context=context).task_id
        assert msgspec.json.decode(client.task_status(task_id).task.context) == context
        assert client.health().status == "ok"


@each_client
def test_raw_json_over_several_lines(shared: DaemonProcess, opened: Any) -> None:
    """JSON that the caller spread over several lines is one request all the same."""
    with opened(shared.socket_path) as client:
        task_id = client.register_task("g", context=msgspec.Raw(b'{\n "a": 1.50\n}')).task_id
        assert bytes(client.task_status(task_id).task.context) == b'{"a":1.50}'


@each_client
def test_a_malformed_id_is_named(shared: DaemonProcess, opened: Any) -> None:
    """An id that is none is refused by the daemon with the value that was given."""
    with opened(shared.socket_path) as client:
        with pytest.raises(InvalidParams, match=r"`\$\.task_id`.*nonsense"):
            client.task_status("nonsense")
        missing = uuid.uuid4()
        with pytest.raises(TaskNotFound, match=str(missing)) as caught:
            client.task_status(missing)
        assert caught.value.data["task_id"] == str(missing)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_timeout_that_is_none(
    kind: type[Client | AsyncClient], timeout: float, tmp_path: Path
) -> None:
    """A call takes more than no time, and less than for ever."""
    with pytest.raises(ValueError, match=f"timeout={timeout!r}"):
        kind(tmp_path / "agentd.sock", timeout)
