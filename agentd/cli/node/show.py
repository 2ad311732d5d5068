"""`agentd node show TASK NODE`: a node, and how its attempts ended."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentd.api import AttemptView, NodeStatusResult
from agentd.cli.node.target import find_target
from agentd.cli.printing import print_data
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_table,
    print_whole,
)
from agentd.cli.times import format_clock, format_day_and_clock, format_moment
from agentd.client import Client
from agentd.label import node_label
from agentd.text import printable_json

if TYPE_CHECKING:
    from rich.text import Text


def run(options: argparse.Namespace) -> int:
    """Print a node. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        status = client.node_status(*find_target(client, options))
    if options.json:
        print_data(status)
    elif is_terminal():
        _show(status)
    else:
        for each in status.attempts:
            print_fields(each.attempt, each.how, each.owner, _ended_at(each), each.kind, each.error)
    return 0


def _show(status: NodeStatusResult) -> None:
    node, screen = status.node, console()
    print_whole(screen, f"node      {node.name or node_label(node.id, node.payload_schema)}")
    print_whole(screen, f"status    {node.status}, attempt {node.attempt}")
    if node.not_before is not None:
        print_whole(screen, f"waits     until {format_moment(node.not_before)}")
    if node.blocked_by:
        print_whole(screen, f"held up   by {', '.join(node.blocked_by)}")
    for what, names in (("requires", node.requires), ("limits", node.limits)):
        if names:
            print_whole(screen, f"{what:<9} {', '.join(names)}")
    if node.lease_expires_at is not None:
        until = format_clock(node.lease_expires_at)
        print_whole(screen, f"held by   {node.lease_owner}, until {until}")
    print_whole(screen, f"payload   {printable_json(bytes(node.payload_schema))}")
    print_whole(screen, f"result    {printable_json(bytes(node.result_payload))}")
    if status.attempts:
        screen.print()
        headings = ("ATTEMPT", "ENDED", "WHEN", "OWNER", "")
        print_table(screen, headings, [_row(each) for each in status.attempts], flexible=4)


def _row(attempt: AttemptView) -> tuple["Text", ...]:
    kind = "" if attempt.kind is None else f" ({attempt.kind})"
    return (
        plain_text(attempt.attempt),
        plain_text(f"{attempt.how}{kind}"),
        plain_text(format_day_and_clock(_ended_at(attempt))),
        plain_text(attempt.owner or ""),
        plain_text(attempt.error),
    )


def _ended_at(attempt: AttemptView) -> str:
    return datetime.fromtimestamp(attempt.ended_at, UTC).isoformat(timespec="milliseconds")
