"""What `agentd task add` and `agentd add` do with a document of nodes.

The rule this file keeps: both name what they added, and what is said where nobody knows whether it
was is a command that is safe to type.
"""

import argparse
import shlex
from collections.abc import Mapping, Sequence

from agentd.api import AddNodesResult, LeaseRef
from agentd.cli.daemon_warnings import print_warning
from agentd.cli.document_source import read_source
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data
from agentd.cli.repeating import say_how_to_repeat
from agentd.cli.screen import console, is_terminal, print_line, print_lines, print_whole
from agentd.cli.task.dry_run import kept_fields
from agentd.client import Client
from agentd.documents.additions import Additions, read_additions
from agentd.errors import InvalidGraph, RequestTooLarge
from agentd.quantities import format_nodes
from agentd.references import parse_id

_MOST_NAMED = 20
"""Nodes that are named on a terminal."""


def read(options: argparse.Namespace) -> Additions:
    """The nodes that the document describes. Raises `BadDocument`, `Usage`."""
    request_id = None
    if options.request_id is not None and (request_id := parse_id(options.request_id)) is None:
        raise Usage(f"--request-id {options.request_id!r}: expected a UUID")
    additions = read_additions(*read_source(options.path), request_id=request_id)
    for told in additions.warnings:
        if not options.json:
            print_warning(told)
    return additions


def add(
    client: Client,
    verb: str,
    task_id: str,
    additions: Additions,
    options: argparse.Namespace,
    lease: LeaseRef | None = None,
) -> int:
    """Add them, and say which; `verb` is what was typed before the document's name.

    Raises `RequestRefused`, with the names of the nodes where it is about the graph.
    """
    again = f"agentd {verb} {shlex.quote(options.path)} --request-id {additions.request_id}"
    with say_how_to_repeat(again, "the nodes may be added"):
        made = _send(client, task_id, additions, options, lease)
    _print(task_id, additions, made, as_json=options.json)
    return 0


def _send(
    client: Client,
    task_id: str,
    additions: Additions,
    options: argparse.Namespace,
    lease: LeaseRef | None,
) -> AddNodesResult:
    nodes, request_id = additions.nodes, additions.request_id
    try:
        return client.add_nodes(task_id, nodes, lease=lease, request_id=request_id)
    except InvalidGraph as refusal:
        told = additions.replace_ids(refusal.message)
        raise InvalidGraph(told, **refusal.data) from refusal
    except RequestTooLarge as refusal:
        many = f"{options.path}, {format_nodes(len(nodes))}"
        raise RequestTooLarge(f"{many}: {refusal.message}, or add them in pieces") from refusal


def show_plan(additions: Additions, *, as_json: bool) -> int:
    """What would be added: each node, what it depends on, and what it comes before."""
    called = {
        str(node.id): additions.names.get(str(node.id), f"#{number}")
        for number, node in enumerate(additions.nodes, 1)
    }
    rows = [
        (called[str(node.id)], _names_of(node.dependencies, called), _names_of(node.before, called))
        for node in additions.nodes
    ]
    if as_json:
        fields = ("name", "dependencies", "before")
        print_data({"nodes": [dict(zip(fields, row, strict=True)) for row in rows]})
    elif is_terminal():
        screen = console()
        many = format_nodes(len(rows))
        print_line(screen, f"{many}; nothing is added: this is a dry run")
        for name, needed, before in rows:
            behind = f"  after {', '.join(needed)}" if needed else ""
            print_whole(screen, name + behind + (f"  before {', '.join(before)}" if before else ""))
    else:
        print_lines((name, ",".join(needed), ",".join(before)) for name, needed, before in rows)
    return 0


def _names_of(refs: Sequence[str], called: Mapping[str, str]) -> list[str]:
    return [called.get(ref, ref) for ref in refs]


def _print(task_id: str, additions: Additions, made: AddNodesResult, *, as_json: bool) -> None:
    names = additions.names
    if as_json:
        ids = {name: node_id for node_id, name in names.items()}
        printed = {"task_id": task_id, "node_ids": made.node_ids, "names": ids}
        print_data({**printed, "warnings": additions.warnings} if additions.warnings else printed)
    elif is_terminal():
        screen = console()
        told = [names.get(node_id, node_id) for node_id in made.node_ids[:_MOST_NAMED]]
        more = len(made.node_ids) - len(told)
        rest = f" and {more:,} more" if more else ""
        print_whole(screen, f"added  {format_nodes(len(made.node_ids))}: {', '.join(told)}{rest}")
        if additions.kept:
            print_whole(screen, f"kept   in the payloads: {kept_fields(additions)}")
        print_line(screen, f"look   agentd task graph {task_id}")
    else:
        print_lines((node_id, names.get(node_id, "")) for node_id in made.node_ids)
