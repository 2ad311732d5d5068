"""`agentd gate list`: what waits for somebody's decision, or with `--decided` what was decided."""

import argparse
import shlex
import time
from collections.abc import Sequence

from agentd.api import GateView, ListGatesResult
from agentd.cli.gate.known import all_gates
from agentd.cli.ids import find_task_id
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_table,
    print_whole,
)
from agentd.client import Client
from agentd.inbox.waiting import gate_label
from agentd.node_labels import shorten_ids
from agentd.times import format_duration


def run(options: argparse.Namespace) -> int:
    """Print the gates, oldest first. Raises `TaskNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        gates = all_gates(client, task, is_open=not options.decided)
    if options.json:
        print_data(ListGatesResult(gates, None))
    elif not is_terminal():
        for each in gates:
            _print_fields(each)
    elif not gates:
        print("no gate was decided" if options.decided else "nothing waits for a decision")
    else:
        _show(gates, decided=options.decided)
    return 0


def _print_fields(gate: GateView) -> None:
    times = (None if each is None else f"{each:.3f}" for each in (gate.since, gate.timeout_at))
    decision = gate.decision, gate.by, gate.note
    print_fields(gate.task_id, gate.node_id, gate.name, gate.ask, *times, *decision)


def _show(gates: Sequence[GateView], *, decided: bool) -> None:
    short, now = shorten_ids(each.task_id for each in gates), time.time()
    cells = [
        (
            short[gate.task_id],
            gate_label(gate),
            format_duration(int(now - gate.since)),
            gate.ask,
            decision_words(gate) if decided else time_left(gate, now),
        )
        for gate in gates
    ]
    rows = [[plain_text(cell) for cell in row] for row in cells]
    last = "DECISION" if decided else "LEFT"
    print_table(console(), ("TASK", "GATE", "SINCE", "ASKS", last), rows, flexible=3)
    if not decided:
        first = gates[0]
        which = f"{short[first.task_id]} {shlex.quote(gate_label(first))}"
        print_whole(console(), f"then  agentd gate approve {which}")
        print_whole(console(), f"      agentd gate reject {which} --note TEXT")


def time_left(gate: GateView, now: float) -> str:
    """How long until it is decided by itself."""
    return "-" if gate.timeout_at is None else format_duration(int(gate.timeout_at - now))


def decision_words(gate: GateView) -> str:
    """What was decided, by whom, and why."""
    if gate.decision is None:
        return "-"
    said = "approved" if gate.decision == "approve" else "rejected"
    by = f" by {gate.by}" if gate.by else ""
    return f"{said}{by}" + (f": {gate.note}" if gate.note else "")
