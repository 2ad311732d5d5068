"""`import_task` of both clients: what may be given, and what is refused before it is sent."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Raw

from agentd.api import AddedNodeSpec, ImportedEventSpec, ImportedNodeSpec, NodeSpec, NoteSpec
from agentd.errors import InvalidParams, NodeNotFound
from tests.clients import each_client

if TYPE_CHECKING:
    from tests.daemon_process import DaemonProcess


@each_client
def test_what_may_be_given(shared: DaemonProcess, opened: Any) -> None:
    """Mappings and specs; payloads are any values; the caller's own are left as they are."""
    node = ImportedNodeSpec(name="b", status="FAILED", result_payload=Raw(b'{"why":1}'), ended_at=9)
    note = ImportedEventSpec(node_id="b", payload=Raw(b'{"n":1}'), id=str(uuid.uuid4()))
    event_id = uuid.uuid4()
    with opened(shared.socket_path) as client:
        made = client.import_task(
            "g",
            f"source {event_id}",
            [
                {"name": "a", "status": "COMPLETED", "result_payload": [1.5], "ended_at": 5.5},
                node,
                NodeSpec(name="c", dependencies=["a"]),
                AddedNodeSpec(name="d"),
            ],
            events=[{"node_id": "a", "payload": "x", "id": event_id}, note],
            labels={"team": "red"},
            created_at="2001-02-03T04:05:06Z",
        )
        shown = client.task_status(made.task_id)
        assert shown.task.imported_from == f"source {event_id}"
        assert [bytes(each.result_payload) for each in shown.nodes[:2]] == [b"[1.5]", b'{"why":1}']
        assert [each.updated_at for each in shown.nodes[:2]] == [5, 9]
        more = [{"name": "e", "status": "COMPLETED", "result_payload": {"x": 2}}]
        told = [NoteSpec(node_id="e", payload=Raw(b"[2]")), {"node_id": "a", "timestamp": 1}]
        assert client.add_nodes(made.task_id, more, events=told).node_ids
        events = client.task_events(made.task_id).events
        assert [event.id for event in events if event.by_client][:2] == [str(event_id), note.id]
        notes = [bytes(event.payload) for event in events if event.by_client]
        assert notes == [b'"x"', b'{"n":1}', b"[2]", b"null"]
    assert node == ImportedNodeSpec(
        name="b", status="FAILED", result_payload=Raw(b'{"why":1}'), ended_at=9
    )
    assert note == ImportedEventSpec(node_id="b", payload=Raw(b'{"n":1}'), id=note.id)


@each_client
def test_what_is_refused(shared: DaemonProcess, opened: Any) -> None:
    """Fields that nobody has are told before anything is sent, and so are moments that are none."""
    with opened(shared.socket_path) as client:
        with pytest.raises(TypeError, match=r"nodes\[0\] has no field 'state' \(did you mean stat"):
            client.import_task("g", "s", [{"state": "done"}])
        with pytest.raises(TypeError, match=r"nodes\[0\] has no field 'before' there"):
            client.import_task("g", "s", [AddedNodeSpec(before=["x"])])
        with pytest.raises(TypeError, match=r"initial_nodes\[0\] has no field 'status' there"):
            client.register_task("g", initial_nodes=[ImportedNodeSpec(status="FAILED")])
        with pytest.raises(TypeError, match="note"):
            client.import_task("g", "s", [{}], events=[{"node_id": "a", "note": 1}])
        with pytest.raises(InvalidParams, match=r"ImportTask: `\$.created_at`: 'x' is no moment"):
            client.import_task("g", "s", [], created_at="x")
        with pytest.raises(InvalidParams, match=r"ImportTask: `\$.nodes\[0\].ended_at`"):
            client.import_task("g", "s", [{"ended_at": 1}])
        with pytest.raises(NodeNotFound, match="'nobody'"):
            client.import_task("g", "s", [{}], events=[{"node_id": "nobody"}])
        with pytest.raises(InvalidParams, match=r"AddNodes: `\$.events\[0\].timestamp`"):
            client.add_nodes(uuid.uuid4(), [], events=[NoteSpec(node_id="a", timestamp="x")])
