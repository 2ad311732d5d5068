"""The rules about gates: what opens them, what closes them again, and who decides.

The rule this file keeps: it chooses requests that random ones seldom are, and judges nothing.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.core import Core
from tests.property.asker import Asker, Call
from tests.property.node_model import Object
from tests.property.strategies import ALL_LABELS, Ask, asks, waits

which = st.integers(0, 9)
MAX_ASKING = 3
"""Tasks, with which there may be one more that has a gate for sure."""


class Deciding(Asker):
    """What people do, and what happens in front of what they are asked."""

    core: Core
    send: Callable[..., None]
    set_clock: Callable[[], None]

    def gates(self, *statuses: str) -> list[Object]:
        """Those that are PENDING and wait for a node in one of these statuses, or for none."""
        nodes = self.model.nodes
        return [
            gate
            for gate in nodes.values()
            if "gate" in gate
            and gate["status"] == "PENDING"
            and (not statuses or any(nodes[d]["status"] in statuses for d in gate["dependencies"]))
        ]

    def in_front_of(self, number: int, status: str) -> Object:
        """A node in that status that a gate waits for, or waited."""
        gates = self.gates(status)
        gate = gates[number % len(gates)]
        before = [self.model.nodes[each] for each in gate["dependencies"]]
        return next(node for node in before if node["status"] == status)

    @precondition(lambda self: len(self.model.tasks) <= MAX_ASKING)
    @rule(timeout=st.sampled_from([0, 0.5, 30]), answer=st.sampled_from(["approve", "reject"]))
    def ask_people(self, timeout: float, answer: str) -> None:
        """A plan with a gate that opens whatever becomes of what is in front of it."""
        gate = {"ask": "Go on?", "timeout_secs": timeout, "on_timeout": answer}
        first, second, third = (self.node_id() for _ in range(3))
        nodes = [
            {"id": first, "on_failure": "continue"},
            {"id": second, "dependencies": [first], "gate": gate},
            {"id": third, "dependencies": [second]},
        ]
        self.send(("RegisterTask", {"goal": "ask", "initial_nodes": nodes}))
        node = self.model.nodes[first]
        meant = {"task_id": node["task_id"], "node_id": first}
        self.send(("AcquireNextNode", meant))
        self.send(("FailNode", {**meant, "lease_id": node["lease_id"]}))

    @precondition(lambda self: self.gates())
    @rule(number=which, secs=st.sampled_from([-1, 1, 30]))
    def postpone(self, number: int, secs: int) -> None:
        """A gate that is open is so no more when its moment lies ahead again."""
        gates = self.gates()
        gate = gates[number % len(gates)]
        meant = {"task_id": gate["task_id"], "node_id": gate["id"]}
        self.send(("UpdateNode", {**meant, **self.moments({"not_before": secs})}))

    @precondition(lambda self: self.gates())
    @rule(ask=asks, wait=waits)
    def decide(self, ask: Ask, wait: int) -> None:
        """Time passes, and what is late then is decided by itself; else by somebody."""
        self.core.now += wait
        self.set_clock()
        gates = self.gates()
        task = {"task_id": gates[ask.which % len(gates)]["task_id"]}
        late: list[Call] = [("settle_due", task), ("time_out_gates", task)]
        self.send(*late[ask.which % 2 :], self.call(ask._replace(method="DecideGate")))

    @precondition(lambda self: self.gates("PENDING"))
    @rule(number=which, end=st.sampled_from(["CompleteNode", "FailNode", "FailNode"]))
    def end_in_front(self, number: int, end: str) -> None:
        """What a gate waits for ends, if it can be had."""
        node = self.in_front_of(number, "PENDING")
        meant = {"task_id": node["task_id"], "node_id": node["id"]}
        self.send(("AcquireNextNode", {**meant, "labels": ALL_LABELS}))
        if node["lease_id"] is not None:
            ended: dict[str, Any] = {**meant, "lease_id": node["lease_id"]}
            self.send((end, ended if end == "CompleteNode" else {**ended, "retryable": False}))

    @precondition(lambda self: self.gates("FAILED"))
    @rule(number=which)
    def revive_in_front(self, number: int) -> None:
        """What failed in front of a gate is tried again: it is open no more."""
        node = self.in_front_of(number, "FAILED")
        self.send(("RetryNode", {"task_id": node["task_id"], "node_id": node["id"]}))
