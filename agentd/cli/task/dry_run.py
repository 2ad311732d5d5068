"""`agentd task register FILE --dry-run`: the plan as it would be registered, and its waves.

The rule this file keeps: nothing is sent, and no daemon need be there. Nodes are called by their
names, or by their places in the file: ids that are made are other ones each time.
"""

from collections.abc import Mapping, Sequence

import msgspec

from agentd.api import NodeSpec, NodeView
from agentd.api.gates import GateSettings
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    drawing_text,
    is_terminal,
    plain_text,
    print_line,
    print_lines,
    print_whole,
)
from agentd.documents.additions import Additions
from agentd.documents.document import Document
from agentd.documents.waves import waves
from agentd.quantities import format_count
from agentd.states import node_states

Waves = Sequence[Sequence[NodeSpec]]


def show_plan(document: Document, *, as_json: bool) -> None:
    """Print the plan of a document in which no fault was found."""
    called = {
        str(node.id): document.names.get(str(node.id), f"#{number}")
        for number, node in enumerate(document.nodes, 1)
    }
    plan = [*waves(document.nodes, document.priority)]
    if as_json:
        _print_for_program(document, plan, called)
    elif is_terminal():
        _show(document, plan, called)
    else:
        print_lines(
            (number, called[str(node.id)], ",".join(_needs(node, called)))
            for number, wave in enumerate(plan, 1)
            for node in wave
        )


def kept_fields(document: Document | Additions) -> str:
    """The fields of its nodes that are not known, each with how often it is there."""
    return ", ".join(f"{name} ({times:,})" for name, times in document.kept.items())


def _needs(node: NodeSpec, called: Mapping[str, str]) -> list[str]:
    return [called[other] for other in node.dependencies or ()]


def _print_for_program(document: Document, plan: Waves, called: Mapping[str, str]) -> None:
    nodes = [
        {
            "name": document.names.get(str(node.id)),
            "dependencies": _needs(node, called),
            "payload": node.payload_schema,
            **({"gate": node.gate} if node.gate else {}),
        }
        for node in document.nodes
    ]
    listed = [[called[str(node.id)] for node in wave] for wave in plan]
    shown = {"goal": document.goal, "context": document.context, "nodes": nodes, "waves": listed}
    print_data({**shown, "warnings": document.warnings} if document.warnings else shown)


def _show(document: Document, plan: Waves, called: Mapping[str, str]) -> None:
    screen = console()
    print_line(screen, plain_text(document.goal, "bold"))
    many = f"{format_count(len(document.nodes), 'node')} in {format_count(len(plan), 'wave')}"
    print_line(screen, f"{many}; nothing is registered: this is a dry run")
    if document.kept:
        print_whole(screen, f"kept in the payloads: {kept_fields(document)}")
    if document.noted:
        print_whole(screen, f"kept in the context: {', '.join(document.noted)}")
    screen.print()
    for line in _drawing(document, called):
        screen.print(line, no_wrap=True, overflow="ellipsis")
    screen.print()
    for number, wave in enumerate(plan, 1):
        names = ", ".join(called[str(node.id)] for node in wave)
        print_line(screen, f"wave {number} ({len(wave):,}): {names}")


def _drawing(document: Document, called: Mapping[str, str]) -> list[object]:
    from agentd.drawing import TooLarge, draw

    screen = console()
    views = [_view(node) for node in document.nodes]
    ascii_only = screen.options.ascii_only
    try:
        lines = draw(views, node_states(views), called, screen.width, ascii_only=ascii_only)
    except TooLarge:
        return [plain_text("the graph is too large to be drawn here", "dim")]
    return [drawing_text(line) for line in lines]


def _view(node: NodeSpec) -> NodeView:
    """The node as it will be once it is registered."""
    return NodeView(
        id=str(node.id),
        task_id="",
        status="PENDING",
        dependencies=node.dependencies or [],
        payload_schema=node.payload_schema,  # type: ignore[arg-type] # it is always given
        result_payload=None,  # type: ignore[arg-type] # nobody looks at it
        acquired_at=None,
        lease_id=None,
        lease_owner=None,
        lease_expires_at=None,
        updated_at=0,
        gate=msgspec.UNSET if node.gate is None else GateSettings(node.gate.ask, "reject"),
        blocked_by=["gate"] if node.gate and not node.dependencies else [],
    )
