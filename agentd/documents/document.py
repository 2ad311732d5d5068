"""The document that describes a task, in JSON or YAML, and the request that it becomes.

The rule this file keeps: whatever does not fit is refused before anything is sent, all of it at
once, with the document, the line, the node and the field. The same document under the same
`request_id` is the same request.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agentd.api import NodeDefaults, NodeSpec
from agentd.documents import json_form
from agentd.documents.faults import BadDocument, DocumentText, Faults, Place
from agentd.documents.fields import Fields
from agentd.documents.holds import read_holds
from agentd.documents.kinds import TASK
from agentd.documents.node import read_defaults
from agentd.documents.nodes import read_nodes, replace_ids
from agentd.documents.settings import read_priority
from agentd.references import parse_id
from agentd.text import malformed_reason

_FENCE = "```"
"""What models put around what they write."""


class Document(NamedTuple):
    """A task as it is to be registered, and the names of its nodes by their ids.

    `holds` are the other fields of the request that are given. `kept` are the fields that are not
    known and go along in payloads, each with how often, `noted` those in the context; `warnings`
    are to be looked at.
    """

    request_id: str
    goal: str
    context: msgspec.Raw
    nodes: list[NodeSpec]
    names: dict[str, str]
    priority: int
    node_defaults: NodeDefaults | None
    holds: dict[str, Any]
    kept: Mapping[str, int]
    warnings: Sequence[str]
    noted: Sequence[str]

    def replace_ids(self, message: str) -> str:
        """The message with names in the place of ids that were made for them."""
        return replace_ids(message, self.names)


def read_document(
    text: bytes,
    source: str,
    form: str | None = None,
    *,
    request_id: str | None = None,
    dedupe_key: str | None = None,
    empty: bool = False,
) -> Document:
    """The task that a document describes; `form` is "json", "yaml", or None: then it is looked at.

    `request_id`, a UUID, and `dedupe_key` are given beside the document; without any `request_id`
    one is made. A task without nodes has to be meant (`empty`). Raises `BadDocument`, which names
    the document as `source`.
    """
    written = parse(text, source, form)
    faults = Faults(source, written)
    try:
        task = Fields(Place(faults), msgspec.Raw(written.json), TASK)
        if not task.is_object:
            faults.refuse()
        task.sort_names()
        document = _document(task, request_id, dedupe_key, empty=empty)
        faults.refuse()
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error
    return document


def parse(text: bytes, source: str, form: str | None = None) -> DocumentText:
    """The document as JSON, with its lines. Raises `BadDocument`."""
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDocument(f"{source} cannot be read: {malformed_reason(error)}") from error
    if not decoded.strip():
        raise BadDocument(f"{source} is empty: expected a task, in YAML or JSON")
    if decoded.lstrip().startswith(_FENCE):
        raise BadDocument(f"{source}, line 1: leave out the lines with {_FENCE} around the task")
    if (form or ("json" if decoded.lstrip()[:1] in ("{", "[") else "yaml")) == "json":
        return json_form.parse_json(decoded, source)
    from agentd.documents import yaml_form  # noqa: PLC0415 - JSON is read without it

    return yaml_form.parse_yaml(decoded, source)


def _document(
    task: Fields, request_id: str | None, dedupe_key: str | None, *, empty: bool
) -> Document:
    if "goal" not in task and "goal" not in task.advised:
        task.place.fault("`goal` is missing: it says what is to be done")
    goal = task.get("goal", str, "a text", "")
    request_id = request_id_of(task, request_id) or str(uuid.uuid4())
    holds = read_holds(task)
    if (key := _one_of_two(task, "dedupe_key", holds.get("dedupe_key"), dedupe_key)) is not None:
        holds["dedupe_key"] = key
    defaults = read_defaults(task)
    inherited = None if defaults is None else defaults.retry
    made = read_nodes(task, request_id, inherited, empty=empty)
    context = task.own("context")
    priority = read_priority(task) or 0
    return Document(
        request_id,
        goal,
        context,
        made.specs,
        made.names,
        priority,
        defaults,
        holds,
        made.kept,
        made.warnings,
        [*task.others],
    )


def request_id_of(task: Fields, beside: str | None) -> str | None:
    """The request's id, as it stands in the document or beside it."""
    within = task.get("request_id", str, "a UUID", None)
    chosen = None if within is None else parse_id(within)
    if within is not None and chosen is None:
        message = f"`request_id`: {within!r} is no UUID; leave it out, and one is made"
        task.place.fault(message, "request_id")
    return _one_of_two(task, "request_id", chosen, beside)


def _one_of_two(task: Fields, field: str, within: str | None, beside: str | None) -> str | None:
    """What stands in the document or beside it; that they differ is a fault."""
    if beside is not None and within is not None and beside != within:
        task.place.fault(
            f"`{field}`: {within} here, and {beside} on the command line: give one of them", field
        )
    return beside or within
