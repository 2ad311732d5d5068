"""`agentd task register FILE|-`: a task from a document in JSON or YAML."""

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentd.api import RegisterTaskResult
from agentd.cli.daemon_warnings import print_warning, print_warnings
from agentd.cli.documents.document import Document, read_document
from agentd.cli.documents.faults import BadDocument
from agentd.cli.failures import Usage
from agentd.cli.ids import parse_id
from agentd.cli.payload import read_argument
from agentd.cli.printing import print_data
from agentd.cli.screen import console, is_terminal, print_fields, print_line
from agentd.cli.task.limit_names import misspelled_limits
from agentd.client import Client
from agentd.errors import (
    ConnectionLost,
    InvalidGraph,
    NoAnswer,
    RequestTooLarge,
    StorageError,
)
from agentd.text import printable

_FORMS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def run(options: argparse.Namespace) -> int:
    """Register the task. Raises `BadDocument`, or `RequestRefused` with the names of the nodes."""
    document = _read(options)
    with _say_how_to_repeat(options, document.request_id), Client() as client:
        made = _register(client, options.path, document)
        misspelled = [] if made.existing else misspelled_limits(client, document)
    for told in misspelled:
        print_warning(told)
    if made.existing:
        _print_existing(made, as_json=options.json)
    elif options.json:
        ids = {name: node_id for node_id, name in document.names.items()}
        printed = {"task_id": made.task_id, "node_ids": made.node_ids, "names": ids}
        warnings = [*(made.warnings or ()), *misspelled]
        print_data({**printed, "warnings": warnings} if warnings else printed)
    elif is_terminal():
        _print_registered(document, made)
    else:
        print_fields(made.task_id)
    return 0


def _read(options: argparse.Namespace) -> Document:
    path, request_id = options.path, None
    if options.request_id is not None and (request_id := parse_id(options.request_id)) is None:
        raise Usage(f"--request-id {options.request_id!r}: expected a UUID")
    form, source = _FORMS.get(Path(path).suffix.lower()), path
    if path == "-":
        written, form, source = read_argument(path, "the document"), None, "standard input"
    else:
        try:
            written = Path(path).read_bytes()
        except OSError as error:
            raise BadDocument(f"{path} cannot be read: {error.strerror}") from error
    return read_document(written, source, form, request_id=request_id, empty=options.empty)


def _register(client: Client, path: str, document: Document) -> RegisterTaskResult:
    try:
        with print_warnings():
            return client.register_task(
                document.goal,
                context=document.context,
                initial_nodes=document.nodes,
                priority=document.priority,
                node_defaults=document.node_defaults,
                request_id=document.request_id,
                **document.holds,
            )
    except InvalidGraph as refusal:
        raise InvalidGraph(document.replace_ids(refusal.message)) from refusal
    except RequestTooLarge as refusal:
        many = f"{path}, {len(document.nodes):,} nodes"
        raise RequestTooLarge(f"{many}: {refusal.message}, or make it several tasks") from refusal


@contextmanager
def _say_how_to_repeat(options: argparse.Namespace, request_id: str) -> Iterator[None]:
    """Where nobody knows whether the task is registered: the command that is safe either way."""
    empty = " --empty" if options.empty else ""
    again = f"agentd task register {shlex.quote(options.path)}{empty} --request-id {request_id}"
    how = f"to repeat it safely, with the same document: `{again}`"
    try:
        yield
    except (NoAnswer, ConnectionLost) as error:
        raise type(error)(f"{_without_full_stop(error)}; {how}") from error
    except StorageError as error:
        raise type(error)(f"{_without_full_stop(error)}; {how}", **error.data) from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted: the task may be registered; {how}") from error


def _without_full_stop(error: Exception) -> str:
    return str(error).removesuffix(".")


def _print_existing(made: RegisterTaskResult, *, as_json: bool) -> None:
    """A task goes on that has the same `dedupe_key`: this document is not its own."""
    if as_json:
        print_data({"task_id": made.task_id, "node_ids": made.node_ids, "existing": True})
    elif is_terminal():
        print(printable(f"not registered: task {made.task_id} goes on, with the same dedupe_key"))
    else:
        print_fields(made.task_id)


def _print_registered(document: Document, made: RegisterTaskResult) -> None:
    free = sum(not node.dependencies for node in document.nodes)
    screen = console()
    print_line(screen, f"task   {made.task_id}")
    print_line(screen, f"goal   {document.goal}")
    print_line(screen, f"nodes  {len(made.node_ids):,}, {free:,} runnable now")
    print_line(screen, f"look   agentd task graph {made.task_id}")
