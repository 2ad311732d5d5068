"""`agentd task register FILE|-`: a task from a document in JSON or YAML."""

import argparse
import re
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from agentd.api import RegisterTaskResult
from agentd.cli.daemon_warnings import print_warning, print_warnings
from agentd.cli.document_source import Source, read_source
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.repeating import say_how_to_repeat
from agentd.cli.screen import console, is_terminal, print_fields, print_line, print_whole
from agentd.cli.task.dry_run import kept_fields, show_plan
from agentd.cli.task.limit_names import misspelled_limits
from agentd.client import Client
from agentd.client.requests.registration import register_task
from agentd.client.requests.request import request_line
from agentd.documents.document import Document, read_document
from agentd.documents.faults import BadDocument
from agentd.errors import InvalidGraph, RequestTooLarge
from agentd.references import parse_id

_GOAL = re.compile(rb"""^\W{0,4}goal["']?\s*:""", re.MULTILINE)

_LONGEST_KEY = 256
"""Characters, as of every such text of the API."""


def run(options: argparse.Namespace) -> int:
    """Register the task. Raises `BadDocument`, or `RequestRefused` with the names of the nodes."""
    document = _read(options)
    for told in document.warnings:
        if not options.json:
            print_warning(told)
    if options.dry_run:
        _check_size(options.path, document)
        show_plan(document, as_json=options.json)
        return 0
    with _say_how_to_repeat(options, document.request_id), Client() as client:
        made = _register(client, options.path, document)
        misspelled = [] if made.existing else misspelled_limits(client, document)
    for told in misspelled:
        print_warning(told)
    if made.existing:
        _print_existing(made, document.holds["dedupe_key"], as_json=options.json)
    elif options.json:
        ids = {name: node_id for node_id, name in document.names.items()}
        printed = {"task_id": made.task_id, "node_ids": made.node_ids, "names": ids}
        warnings = [*document.warnings, *(made.warnings or ()), *misspelled]
        print_data({**printed, "warnings": warnings} if warnings else printed)
    elif is_terminal():
        _print_registered(document, made)
    else:
        print_fields(made.task_id)
    return 0


def _read(options: argparse.Namespace) -> Document:
    request_id = None
    if options.request_id is not None and (request_id := parse_id(options.request_id)) is None:
        raise Usage(f"--request-id {options.request_id!r}: expected a UUID")
    if options.key is not None and not 1 <= len(options.key) <= _LONGEST_KEY:
        raise Usage(f"--key {options.key!r}: expected 1 to {_LONGEST_KEY} characters")
    source = read_source(options.path)
    try:
        return read_document(
            *source, request_id=request_id, dedupe_key=options.key, empty=options.empty
        )
    except BadDocument:
        _say_how_to_import(source, options.path)
        raise


def _say_how_to_import(source: Source, path: str) -> None:
    """Where the document looks like another tool's plan, say what takes that."""
    from agentd.plans.reading import FORMS, recognise

    if _GOAL.search(source.written) is not None:  # one of agentd's own, with a fault in it
        return
    form = recognise(source.written.decode(errors="replace"), Path(path).suffix)
    if form is not None:
        called = FORMS[form].called if form in FORMS else "a checklist"
        say(f"it looks like {called}: `agentd task import {shlex.quote(path)}` takes that")


def _register(client: Client, path: str, document: Document) -> RegisterTaskResult:
    try:
        with print_warnings(), _say_how_large(path, document):
            return client.register_task(**_fields(document))
    except InvalidGraph as refusal:
        raise InvalidGraph(document.replace_ids(refusal.message)) from refusal


def _fields(document: Document) -> dict[str, Any]:
    return {
        "goal": document.goal,
        "context": document.context,
        "initial_nodes": document.nodes,
        "priority": document.priority,
        "node_defaults": document.node_defaults,
        "request_id": document.request_id,
        **document.holds,
    }


def _check_size(path: str, document: Document) -> None:
    """Raise `RequestTooLarge` where the document could not be registered."""
    request = register_task(**_fields(document))
    with _say_how_large(path, document):
        request_line(request.method, request.params)


@contextmanager
def _say_how_large(path: str, document: Document) -> Iterator[None]:
    try:
        yield
    except RequestTooLarge as refusal:
        many = f"{path}, {len(document.nodes):,} nodes"
        raise RequestTooLarge(f"{many}: {refusal.message}, or make it several tasks") from refusal


def _say_how_to_repeat(
    options: argparse.Namespace, request_id: str
) -> AbstractContextManager[None]:
    """Where nobody knows whether the task is registered: the command that is safe either way."""
    empty = " --empty" if options.empty else ""
    key = "" if options.key is None else f" --key {shlex.quote(options.key)}"
    what = f"{shlex.quote(options.path)}{empty}{key}"
    again = f"agentd task register {what} --request-id {request_id}"
    return say_how_to_repeat(again, "the task may be registered")


def _print_existing(made: RegisterTaskResult, key: str, *, as_json: bool) -> None:
    """A task goes on that has the same `dedupe_key`: this document is not its own."""
    if as_json:
        print_data({"task_id": made.task_id, "node_ids": made.node_ids, "existing": True})
        return
    say(f"already there: a task with the key {key!r} goes on, and nothing new is registered")
    if is_terminal():
        print_line(console(), f"task   {made.task_id}")
    else:
        print_fields(made.task_id)


def _print_registered(document: Document, made: RegisterTaskResult) -> None:
    free = sum(not node.dependencies for node in document.nodes)
    screen = console()
    print_line(screen, f"task   {made.task_id}")
    print_line(screen, f"goal   {document.goal}")
    print_line(screen, f"nodes  {len(made.node_ids):,}, {free:,} runnable now")
    if document.kept:
        print_whole(screen, f"kept   in the payloads: {kept_fields(document)}")
    print_line(screen, f"look   agentd task graph {made.task_id}")
