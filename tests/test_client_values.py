"""What may be sent, and what never is: values, lengths, ids."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from agentd import AsyncClient, Client
from agentd.client.values import encode
from agentd.errors import InvalidParams, RequestTooLarge, TaskNotFound, Unsendable
from tests.clients import each_client
from tests.fake_daemon import answers, fake_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import DaemonProcess


class Colour(Enum):
    """A key that is written as its value."""

    RED = "red"
    WORST = math.inf


@dataclass
class Score:
    """What a program may well send."""

    value: Any


class Row(msgspec.Struct):
    """The same, made with msgspec."""

    value: Any


def nested(levels: int) -> Any:
    """So many lists, one in another."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def endless() -> Any:
    """A value that is a part of itself."""
    value: dict[str, Any] = {"a": [1]}
    value["a"].append(value)
    return value


class Ratio(float):
    """A number of a kind that msgspec does not write, such as NumPy's."""


UNSENDABLE: dict[str, tuple[Any, str]] = {
    "type": (object(), ""),
    "type inside": ({"a": [0, range(3)]}, ".a[1]"),
    "tuple as key": ({"a": {(1, 2): 3}}, ".a"),
    "bool as key": ({True: 3}, ""),
    "None as key": ([{None: 3}], "[0]"),
    "NaN": ({"scores": [1, 2, 3, math.nan]}, ".scores[3]"),
    "infinity": ((0, -math.inf), "[1]"),
    "kind of float": ({"a": [Ratio(1.5)]}, ".a[0]"),
    "NaN as key": ({math.nan: 1}, ""),
    "NaN in a dataclass": ([Score([math.nan])], "[0].value[0]"),
    "NaN in a struct": (Row({"x": math.inf}), ".value.x"),
    "NaN of an enum": ([Colour.WORST], "[0]"),
    "two keys": ({"a": {1: "x", "1": "y"}}, ".a"),
    "two keys, an enum": ({Colour.RED: 1, "red": 2}, ""),
    "two keys, bytes": ({b"a": 1, "YQ==": 2}, ""),
    "two keys, floats": ({1.5: 1, "1.5": 2}, ""),
    "surrogate": ({"a": ["\ud800"]}, ".a[0]"),
    "surrogate as key": ({"a": {"\ud800": 1}}, ".a"),
    "integer": ([10**5000], "[0]"),
    "integer as key": ({"a": {10**5000: 1}}, ".a"),
    "itself": (endless(), ".a[1]"),
    "depth": (nested(119), "[0][0][0]"),
    "raw": (Raw(b"{,}"), ""),
    "raw inside": ({"a": Raw(b"1,2")}, ".a"),
    "raw that is not UTF-8": ({"a": Raw(b'"\xff"')}, ".a"),
    "raw with a surrogate": ([Raw(b'"\\ud800"')], "[0]"),
    "raw that nests": ([Raw(b"[" * 118 + b"]" * 118)], "[0]"),
}


@each_client
@pytest.mark.parametrize(("value", "place"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_is_no_json_is_never_sent(tmp_path: Path, opened: Any, value: Any, place: str) -> None:
    """A value that JSON has no form for is refused with its place; the daemon never hears of it."""
    path = tmp_path / "s"
    asks: dict[str, Callable[[Any], Any]] = {
        "$.context": lambda c: c.register_task("g", context=value),
        "$.initial_nodes[1].payload_schema": lambda c: c.register_task(
            "g", initial_nodes=[{}, {"payload_schema": value}]
        ),
        "$.payload": lambda c: c.commit_event("t", "n", payload=value),
        "$.result_payload": lambda c: c.complete_node("t", "n", "l", value),
        "$.error_payload": lambda c: c.fail_node("t", "n", "l", value),
        "$.x": lambda c: c.call("Health", {"x": value}),
    }
    with fake_daemon(path, answers({})) as daemon, opened(path) as client:
        for whole, ask in asks.items():
            with pytest.raises((TypeError, Unsendable), match=re.escape(whole + place)):
                ask(client)
    assert (daemon.accepted, daemon.requests) == (0, [])


SENDABLE: dict[str, tuple[Any, str]] = {
    "tuple": ((1, 2), "[1,2]"),
    "set": ({3}, "[3]"),
    "bytes": (b"x", '"eA=="'),
    "date": ([date(2026, 1, 31)], '["2026-01-31"]'),
    "enum": ({"a": Colour.RED}, '{"a":"red"}'),
    "enum as key": ({Colour.RED: 1}, '{"red":1}'),
    "number as key": ({1: 2, 1.5: 3}, '{"1":2,"1.5":3}'),
    "dataclass": (Score([Score(None)]), '{"value":[{"value":null}]}'),
    "struct": ([Row(1.5)], '[{"value":1.5}]'),
    "large integer": (2**70, str(2**70)),
    "left out": (Row(UNSET), "{}"),
    "depth": (nested(118), "[" * 118 + "0" + "]" * 118),
    "twice the same": ([[one := [1]], one], "[[[1]],[1]]"),
    "raw": (Raw(b"1e400"), "1e400"),
    "raw inside": ({"a.b[c": Raw(b'{\n"x": 1.50}')}, '{"a.b[c":{"x":1.50}}'),
}


@pytest.mark.parametrize(("value", "text"), SENDABLE.values(), ids=SENDABLE)
def test_what_json_has_a_form_for(value: Any, text: str) -> None:
    """Whatever msgspec writes without a loss is sent as it writes it, on one line."""
    assert bytes(encode(value, "$.payload")).decode() == text


@each_client
def test_a_text_that_is_none_is_never_sent(tmp_path: Path, opened: Any) -> None:
    """A goal or a name with half of a surrogate pair in it is refused with its place."""
    with opened(tmp_path / "s") as client, pytest.raises(Unsendable, match=r"\$\.goal has half"):
        client.register_task("g\ud800")


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
