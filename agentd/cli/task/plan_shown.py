"""`agentd task import FILE --dry-run`: the plan as it would be imported.

The rule this file keeps: nothing is sent, and no daemon need be there.
"""

from collections.abc import Iterator

import msgspec

from agentd.api import NodeView
from agentd.api.gates import GateSettings
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    drawing_text,
    is_terminal,
    plain_text,
    print_line,
    print_lines,
)
from agentd.plans.plan import Plan, PlanNode, node_id
from agentd.quantities import format_nodes
from agentd.states import node_states

_MOST_LISTED = 100
"""Nodes that a person looks at here."""


def show_plan(plan: Plan, source: str, *, as_json: bool) -> None:
    """Print a plan in which no fault was found."""
    if as_json:
        _print_for_program(plan, source)
    elif is_terminal():
        _show(plan, source)
    else:
        called = {node.key: node.called for node in plan.nodes}
        print_lines(
            (n.called, n.ended or "PENDING", ",".join(called[need] for need in n.needs))
            for n in plan.nodes
        )


def counts_of(plan: Plan) -> str:
    """How many nodes, and how many of them have ended."""
    ended = [node.ended for node in plan.nodes if node.ended is not None]
    parts = [f"{ended.count(each):,} {each}" for each in ("COMPLETED", "FAILED") if each in ended]
    told = f"{format_nodes(len(plan.nodes))}, {len(plan.nodes) - len(ended):,} to do"
    return ", ".join([told, *parts])


def _print_for_program(plan: Plan, source: str) -> None:
    called = {node.key: node.called for node in plan.nodes}
    nodes = [
        {
            "name": node.called,
            "status": node.ended or "PENDING",
            "dependencies": [called[need] for need in node.needs],
            "payload": node.payload,
            **node.settings,
        }
        for node in plan.nodes
    ]
    told = {"form": plan.form, "source": source, "goal": plan.goal, "context": plan.context}
    events = [
        {"node": called[e.key], "action_type": e.action_type, "payload": e.payload}
        for e in plan.events
    ]
    not_taken = [each._asdict() for each in plan.not_taken]
    print_data({**told, "nodes": nodes, "events": events, "not_taken": not_taken})


def _show(plan: Plan, source: str) -> None:
    screen = console()
    print_line(screen, plain_text(plan.goal, "bold"))
    print_line(screen, f"{counts_of(plan)}; nothing is imported: this is a dry run")
    print_line(screen, "source ", plain_text(source))
    screen.print()
    for line in _drawing(plan, source):
        screen.print(line, no_wrap=True, overflow="ellipsis")


def _drawing(plan: Plan, source: str) -> Iterator[object]:
    from agentd.drawing import TooLarge, draw

    screen = console()
    views = [_view(node, source) for node in plan.nodes]
    called = {view.id: node.called for view, node in zip(views, plan.nodes, strict=True)}
    ascii_only = screen.options.ascii_only
    try:
        lines = draw(views, node_states(views), called, screen.width, ascii_only=ascii_only)
    except TooLarge:
        yield from _listing(plan, ascii_only=ascii_only)
        return
    yield from map(drawing_text, lines)


def _listing(plan: Plan, *, ascii_only: bool) -> Iterator[object]:
    """The nodes, one a line, where a drawing of them would not fit."""
    yield plain_text("the graph is too large to be drawn here", "dim")
    called = {node.key: node.called for node in plan.nodes}
    behind = "<-" if ascii_only else "←"
    for node in plan.nodes[:_MOST_LISTED]:
        needs = f" {behind} {', '.join(called[need] for need in node.needs)}" if node.needs else ""
        yield plain_text(f"{node.ended or 'PENDING':9} {node.called}{needs}")
    if (more := len(plan.nodes) - _MOST_LISTED) > 0:
        yield plain_text(f"{more:,} more; into a pipe or a file, all of them are printed", "dim")


def _view(node: PlanNode, source: str) -> NodeView:
    """The node as it will be once it is imported."""
    gate = node.settings.get("gate")
    return NodeView(
        id=node_id(source, node.key),
        task_id="",
        status=node.ended or "PENDING",
        dependencies=[node_id(source, need) for need in node.needs],
        payload_schema=node.payload,
        result_payload=msgspec.Raw(b"null"),
        acquired_at=None,
        lease_id=None,
        lease_owner=None,
        lease_expires_at=None,
        updated_at=0,
        gate=msgspec.UNSET if gate is None else GateSettings(gate.ask, "reject"),
        blocked_by=["gate"] if gate is not None and not node.needs else [],
    )
