"""Labels, limits and changed settings, as both clients take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agentd import Worker, api
from agentd.errors import IllegalTransition, InvalidParams, LimitUnknown
from tests.clients import each_client

if TYPE_CHECKING:
    from tests.daemon_process import DaemonProcess


def ids(held: Any) -> tuple[str, str, str]:
    """What a holder sends with every write."""
    return held.task_id, held.node_id, held.lease_id


@each_client
def test_labels_of_whoever_asks_for_a_node(shared: DaemonProcess, opened: Any) -> None:
    """A node that requires labels goes to those who offer them all, however they ask for it."""
    nodes = [{"name": each, "requires": ["gpu", "eu"]} for each in "abc"] + [{"name": "d"}]
    with opened(shared.socket_path) as client:
        task = client.register_task("g", initial_nodes=nodes).task_id
        assert client.acquire_next_node(task, labels=["gpu"]).name == "d"
        assert client.acquire_next_node(task, labels=("gpu",)) is None
        held = client.acquire_next_node(task, labels=["us", "eu", "gpu"])
        assert held.name == "a"
        wanted = api.AcquireNext(task, labels=["eu", "gpu"])
        assert client.complete_node(*ids(held), acquire_next=wanted).next.name == "b"
        (last,) = client.acquire_nodes(9, task, labels=["eu", "gpu"]).leases
        assert last.name == "c"


@each_client
def test_pages_of_limits(daemon: DaemonProcess, opened: Any) -> None:
    """`after` is the `next` of the page before, and None stands behind the last."""
    with opened(daemon.socket_path) as client:
        for number, name in enumerate("cab"):
            client.set_limit(name, number)
        first = client.list_limits(limit=2)
        assert [(each.name, each.max_running) for each in first.limits] == [("a", 1), ("b", 2)]
        rest = client.list_limits(limit=2, after=first.next)
        assert [each.name for each in rest.limits] == ["c"]
        assert rest.next is None


@each_client
def test_a_limit_that_is_closed_and_opened(daemon: DaemonProcess, opened: Any) -> None:
    """Nothing that names it is handed out meanwhile, and for 0 seconds opens it."""
    rate = api.RateSpec(count=5, per_secs=1.5)
    with opened(daemon.socket_path) as client:
        with pytest.raises(LimitUnknown):
            client.close_limit("api", for_secs=9)
        client.set_limit("api", None, rate=rate)
        task = client.register_task("g", initial_nodes=[{"limits": ["api"]}]).task_id
        client.close_limit("api", until="2999-01-01T00:00:00Z", by="me", reason="quota")
        (shown,) = client.list_limits().limits
        assert (shown.closed_until, shown.reason) == (32472144000.0, "quota")
        assert (shown.max_running, shown.rate) == (None, rate)
        assert client.acquire_next_node(task) is None
        client.close_limit("api", for_secs=0)
        assert client.acquire_next_node(task) is not None


@each_client
def test_settings_that_are_changed(shared: DaemonProcess, opened: Any) -> None:
    """What is left out stays as it was, what is given replaces, and a node may be named."""
    nodes = [{"name": "a", "priority": 1, "requires": ["gpu"], "lease_secs": 9}, {"name": "b"}]
    with opened(shared.socket_path) as client:
        task = client.register_task(
            "g", initial_nodes=nodes, node_defaults={"limits": ["api"], "lease_secs": 60}
        )
        retry = {"max_attempts": 3}
        changed = client.update_node(
            task.task_id, "a", requires=["eu"], limits=(), timeout_secs=None, retry=retry
        )
        assert changed.node_ids == task.node_ids[:1]
        shown = client.node_status(task.task_id, "a").node
        assert (shown.priority, shown.requires, shown.lease_secs) == (1, ["eu"], 9)
        assert (shown.limits, shown.retry.max_attempts) == ([], 3)
        changed = client.update_node(task.task_id, priority=7, not_before=1.5, timeout_secs=5)
        assert changed.node_ids == task.node_ids
        shown = client.node_status(task.task_id, "b").node
        assert (shown.priority, shown.timeout_secs, shown.limits) == (7, 5, ["api"])
        held = client.acquire_next_node(task.task_id)
        with pytest.raises(IllegalTransition):
            client.update_node(task.task_id, held.node_id, priority=1)


@each_client
def test_what_is_refused_before_it_is_sent(shared: DaemonProcess, opened: Any) -> None:
    """It is told with the method and the place, as the daemon would."""
    with opened(shared.socket_path) as client:
        with pytest.raises(InvalidParams, match=r"UpdateNode: `\$`: say what to change"):
            client.update_node(shared.home, "a")
        with pytest.raises(InvalidParams, match=r"UpdateNode: `\$.retry`: .*`attempts`"):
            client.update_node(shared.home, retry={"attempts": 2})
        with pytest.raises(InvalidParams, match=r"SetLimit: `\$.rate`: .*`count`"):
            client.set_limit("api", 1, rate={"per_secs": 2})
        with pytest.raises(InvalidParams, match=r"CloseLimit: .*give one of the two"):
            client.close_limit("api")


@each_client
def test_one_text_where_several_are_expected(shared: DaemonProcess, opened: Any) -> None:
    """It is refused: as a list of its letters it would be what nobody offers or requires."""
    told = 'Expected `array`, got `str`: "gpu"'
    with opened(shared.socket_path) as client:
        for refused in (
            lambda: client.acquire_next_node(labels="gpu"),
            lambda: client.acquire_nodes(2, labels="gpu"),
            lambda: client.update_node(shared.home, requires="gpu"),
            lambda: client.update_node(shared.home, limits="gpu"),
            lambda: client.watch_events(kinds="gpu"),
            lambda: Worker(client, print, labels="gpu"),
        ):
            with pytest.raises(InvalidParams, match=told):
                refused()
