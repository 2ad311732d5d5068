"""`agentd node show TASK NODE`: a node, its whole result or error, and how its attempts ended."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentd.api import NULL, AttemptView, NodeStatusResult, NodeView
from agentd.cli.error_words import error_words
from agentd.cli.node.beginnings import find_beginnings
from agentd.cli.node.holder import holder_words
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
from agentd.client import Client
from agentd.label import node_label
from agentd.text import printable_json
from agentd.times import (
    format_day_and_clock,
    format_duration,
    format_moment,
    format_seconds,
)

if TYPE_CHECKING:
    from rich.text import Text


def run(options: argparse.Namespace) -> int:
    """Print a node. Raises `TaskNotFound`, `NodeNotFound`, `Ambiguous`, `DaemonUnreachable`."""
    with Client() as client:
        target = find_target(client, options)
        status = client.node_status(*target, at=options.at)
        if options.json:
            print_data(status)
            return 0
        took = _seconds(status.attempts, find_beginnings(client, status))
    if is_terminal():
        _show(status, took, now=options.at is None)
    else:
        for each in status.attempts:
            what = each.attempt, each.how, each.owner, _ended_at(each), took.get(each.attempt)
            print_fields(*what, each.kind, each.error)
    return 0


def _seconds(attempts: list[AttemptView], began: dict[int, float]) -> dict[int, int]:
    """How long each attempt took, where its beginning is known."""
    return {
        each.attempt: max(round(each.ended_at - began[each.attempt]), 0)
        for each in attempts
        if each.attempt in began
    }


def _show(status: NodeStatusResult, took: dict[int, int], *, now: bool) -> None:
    _show_node(status.node, now=now)
    screen = console()
    if (checkpoint := status.checkpoint) is not None:
        payload = printable_json(bytes(checkpoint.payload))
        print_whole(screen, f"kept      {payload} (checkpoint of attempt {checkpoint.attempt})")
    if status.node.status != "FAILED" and (last := _last_error(status)) is not None:
        print_whole(screen, f"try {last.attempt:<5} {printable_json(bytes(last.error))}")
    if status.attempts:
        screen.print()
        headings = ("TRY", "ENDED", "WHEN", "TOOK", "OWNER", "")
        print_table(screen, headings, [_row(each, took) for each in status.attempts], flexible=5)
    if now and "gate" in status.node.blocked_by:
        print_whole(screen, f"then      agentd gate show {status.node.task_id} {status.node.id}")
    if status.node.status == "FAILED" and now:
        which = f"{status.node.task_id} {status.node.id}"
        look = "gate show" if status.node.gate else "node log"
        print_whole(screen, f"then      agentd {look} {which}")
        print_whole(screen, f"          agentd node retry {which}")


def _show_node(node: NodeView, *, now: bool) -> None:
    screen = console()
    print_whole(screen, f"node      {node.name or node_label(node.id, node.payload_schema)}")
    print_whole(screen, f"id        {node.id}")
    print_whole(screen, f"status    {node.status}, attempt {node.attempt}")
    if node.not_before is not None:
        print_whole(screen, f"waits     until {format_moment(node.not_before)}")
    if node.blocked_by:
        print_whole(screen, f"held up   by {', '.join(node.blocked_by)}")
    for what, told in _settings(node):
        print_whole(screen, f"{what:<9} {told}")
    if holder := holder_words(node, now=now):
        print_whole(screen, f"held by   {holder}")
    print_whole(screen, f"payload   {printable_json(bytes(node.payload_schema))}")
    outcome = "error" if node.status == "FAILED" else "result"
    print_whole(screen, f"{outcome:<9} {printable_json(bytes(node.result_payload))}")


def _settings(node: NodeView) -> Iterator[tuple[str, str]]:
    """What `node set` changes, where it is not what nodes have anyway."""
    if node.priority:
        yield "priority", str(node.priority)
    if node.gate:
        yield "gate", node.gate.ask
        if node.gate.timeout_secs:
            ends = format_seconds(node.gate.timeout_secs)
            yield "timeout", f"{ends}, then {node.gate.on_timeout}"
    if node.retry:
        most, pause = node.retry.max_attempts or 1, node.retry.backoff_secs
        again = "" if pause is None else f", {format_seconds(pause)} after the first"
        yield "retry", "1 attempt" if most == 1 else f"{most:,} attempts at most{again}"
    for what, seconds in (("timeout", node.timeout_secs), ("lease", node.lease_secs)):
        if seconds:
            yield what, format_seconds(seconds)
    for what, names in (("requires", node.requires), ("limits", node.limits)):
        if names:
            yield what, ", ".join(names)


def _last_error(status: NodeStatusResult) -> AttemptView | None:
    """The newest attempt that ended with something to say."""
    told = (each for each in reversed(status.attempts) if bytes(each.error) != NULL)
    return next(told, None)


def _row(attempt: AttemptView, took: dict[int, int]) -> tuple["Text", ...]:
    seconds = took.get(attempt.attempt)
    return (
        plain_text(attempt.attempt),
        plain_text(attempt.how),
        plain_text(format_day_and_clock(_ended_at(attempt))),
        plain_text("-" if seconds is None else format_duration(seconds)),
        plain_text(attempt.owner or ""),
        plain_text(error_words(attempt.error, attempt.kind)),
    )


def _ended_at(attempt: AttemptView) -> str:
    return datetime.fromtimestamp(attempt.ended_at, UTC).isoformat(timespec="milliseconds")
