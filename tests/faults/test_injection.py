"""Texts that look like instructions are data: stored, shown and logged as such."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.daemon_process import PATIENCE_SECONDS, Connection, DaemonProcess, Object, encoded
from tests.faults.injections import BY_HAND, injections
from tests.wire.steps import acquire, eventually, flat, held, new_id, register, totals

if TYPE_CHECKING:
    from tests.faults.laboratory import Laboratory

TABLES = "SELECT name, sql FROM sqlite_master ORDER BY name"
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +\S.*")
CLIENTS = 8
TOUCHED = Path("/tmp/agentd-was-here")  # noqa: S108 - what some of the texts would make


def at_rest(home: Path) -> tuple[list[str], list[Any]]:
    """Return the files of the home and the tables of its database."""
    with closing(sqlite3.connect(f"file:{home / 'agent_state.db'}?mode=ro", uri=True)) as other:
        tables = other.execute(TABLES).fetchall()
    # The note of how far the WAL was copied comes with the first checkpoint.
    files = (file.name for file in home.iterdir() if file.suffix != ".copied")
    return sorted(files), tables


def payload(text: str, place: str) -> Object:
    """A payload with the text as a value and in a name; each place has its own."""
    return {"place": place, "text": text, f"name {text}": [text]}


def raw_call(connection: Connection, method: str, **params: Any) -> tuple[bytes, Any]:
    """Return an answer as it came, and its result."""
    line = connection.ask(encoded({"id": 1, "method": method, "params": params}))
    answer = json.loads(line)
    assert "result" in answer, answer
    return line, answer["result"]


def live_through(connection: Connection, text: str) -> None:
    """Lead a task of three nodes to its end with the text in every field; look at every answer."""
    first, second, third = new_id(), new_id(), new_id()
    nodes = [
        {"id": first, "payload_schema": payload(text, "first")},
        {"id": second, "dependencies": [first], "payload_schema": payload(text, "second")},
        {"id": third, "dependencies": [second]},
    ]
    task_id = connection.call(
        "RegisterTask", goal=text, context=payload(text, "task"), initial_nodes=nodes
    )["task_id"]
    line, node = raw_call(connection, "AcquireNextNode", task_id=task_id, lease_owner=text)
    shows(line, text, "task", "first")
    assert node["lease_owner"] == node["context"]["node"]["lease_owner"] == text
    lease = held(node)
    connection.call("CommitEvent", **lease, action_type=text, payload=payload(text, "event"))
    connection.call("CompleteNode", **lease, result_payload=payload(text, "result"))
    line, node = raw_call(connection, "AcquireNextNode", task_id=task_id, lease_owner=text)
    shows(line, text, "task", "second", "event", "result")
    assert text in {event["action_type"] for event in node["context"]["event_journal"]}
    connection.call("FailNode", **held(node), error_payload=payload(text, "error"))
    line, status = raw_call(connection, "TaskStatus", task_id=task_id)
    shows(line, text, "task", "first", "second", "result", "error")
    assert status["task"]["goal"] == text


def shows(line: bytes, text: str, *places: str) -> None:
    """Check that an answer has the payloads of these places, byte for byte."""
    for place in places:
        assert encoded(payload(text, place)) in line, place


def is_no_id(connection: Connection, text: str) -> None:
    """Check that the text is refused wherever an id or a method is expected, as a value."""
    good = {"task_id": new_id(), "node_id": new_id(), "lease_id": new_id()}
    asked: list[tuple[str, Object, int]] = [
        *(("HeartbeatNode", {**good, name: text}, -32602) for name in ("task_id", "lease_id")),
        ("HeartbeatNode", {**good, "node_id": text}, -32000),  # a name that no node has
        ("RegisterTask", {"goal": text, "initial_nodes": [{"id": text}]}, -32602),
        ("RegisterTask", {"goal": text, "initial_nodes": [{"dependencies": [text]}]}, -32000),
        ("Health", {"request_id": text}, -32602),
        (f"{text} ", {}, -32601),
    ]
    for method, params, _ in asked:
        request = {"id": text, "method": method, "params": params}
        connection.send_raw(encoded(request) + b"\n")
    for method, _, code in asked:
        response = connection.read_response()
        assert (response["id"], response["error"]["code"]) == (text, code), method


def test_injected_texts(daemon: DaemonProcess, lab: Laboratory) -> None:
    """Every text comes back from every field byte for byte, and does nothing anywhere."""
    texts = injections(lab.random, lab.amount(500, 20_000))

    def share(number: int) -> None:
        with daemon.connect() as connection:
            for text in texts[number::CLIENTS]:
                live_through(connection, text)
                is_no_id(connection, text)

    with daemon.connect() as connection:
        register(connection)  # the first write makes the last of the files
        before = at_rest(daemon.home)
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(share, range(CLIENTS)))
        assert totals(connection)[:2] == (1 + len(texts), 1 + 3 * len(texts))
    assert at_rest(daemon.home) == before
    assert not TOUCHED.exists()
    assert daemon.stderr().count("\n") == 1  # it was ready, and nothing was worth a line since
    lab.count(texts=len(texts))


def test_no_text_reaches_the_log_raw(home: Path) -> None:
    """With the log at its most talkative, each line is the daemon's own, and all of it is seen."""
    env = {"AGENTD_LOG": "agentd=trace", "AGENTD_NODE_TIMEOUT_SECS": "1"}
    with DaemonProcess(home, **env) as daemon, daemon.connect() as connection:
        task = register(connection, flat(len(BY_HAND)))
        for text in BY_HAND:
            acquire(connection, task, lease_owner=text)
            is_no_id(connection, text)
        rolled_back = "rolled back node "
        assert eventually(
            lambda: daemon.stderr().count(rolled_back) == len(BY_HAND),
            time.time() + PATIENCE_SECONDS,
        )
        log = daemon.log_path.read_bytes().decode()
    for line in log.removesuffix("\n").split("\n"):
        assert LOG_LINE.fullmatch(line), line
        assert line.isprintable(), line
    for text in BY_HAND:
        if text.isprintable() and text.strip():
            assert text in log
