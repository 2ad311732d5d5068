"""`agentd task register FILE|-`: a task from a document in JSON or YAML."""

import argparse
from pathlib import Path

from agentd.api import RegisterTaskResult
from agentd.cli.document import Document, read
from agentd.cli.fields import BadDocument
from agentd.cli.payload import given_bytes
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_line
from agentd.client import Client
from agentd.errors import InvalidGraph, RequestTooLarge

_FORMS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def run(options: argparse.Namespace) -> int:
    """Register the task. Raises `BadDocument`, or `RequestRefused` with the names of the nodes."""
    document = _read(options.path)
    with Client() as client:
        try:
            made = client.register_task(
                document.goal, context=document.context, initial_nodes=document.nodes
            )
        except InvalidGraph as refusal:
            raise InvalidGraph(document.renamed(refusal.message)) from refusal
        except RequestTooLarge as refusal:
            many = f"{options.path}, {len(document.nodes):,} nodes"
            raise RequestTooLarge(
                f"{many}: {refusal.message}, or make it several tasks"
            ) from refusal
    if options.json:
        ids = {name: node_id for node_id, name in document.names.items()}
        print_data({"task_id": made.task_id, "node_ids": made.node_ids, "names": ids})
    elif is_terminal():
        _tell(document, made)
    else:
        print_fields(made.task_id)
    return 0


def _read(path: str) -> Document:
    if path == "-":
        return read(given_bytes(path, "the document"), "standard input")
    try:
        written = Path(path).read_bytes()
    except OSError as error:
        raise BadDocument(f"{path} cannot be read: {error.strerror}") from error
    return read(written, path, _FORMS.get(Path(path).suffix.lower()))


def _tell(document: Document, made: RegisterTaskResult) -> None:
    free = sum(not node.dependencies for node in document.nodes)
    screen = console()
    print_line(screen, f"task   {made.task_id}")
    print_line(screen, f"goal   {document.goal}")
    print_line(screen, f"nodes  {len(made.node_ids):,}, {free:,} runnable now")
    print_line(screen, f"look   agentd task graph {made.task_id}")
