"""The issues of Beads (https://github.com/steveyegge/beads), in JSON Lines.

The rule this file keeps: `blocks` is a dependency; a parent waits for its children, and these for
what blocks it, as `bd ready` has it. Closed ones arrive COMPLETED, comments as events. Relations
that block nothing are noted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agentd.api import GateSpec
from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder, Done
from agentd.plans.part import Part, null_left_out
from agentd.plans.plan import Plan, PlanEvent
from agentd.plans.settings import moment

_BLOCKS = ("blocks", "blocked-by", "waits-for")
_EXTERNAL = "external:"
_PARENT = "parent-child"
_NO_WORK = {
    "tombstone": "it was deleted",
    "pinned": "it is a marker, and no work",
}
_NO_WORK_TYPES = {
    "message": "it is a message, and no work",
    "event": "it is a record of what happened, and no work",
    "agent": "it is an agent, and no work",
    "role": "it is what an agent is for, and no work",
    "rig": "it is a place of work, and no work",
}
_NOT_BEGUN = ("open", "in_progress", "hooked", "blocked", "")
_PRIORITY = {0: 20, 1: 10, 2: 0, 3: -10, 4: -20}
_DEEPEST = 16
"""Parents above an issue that are looked at: Beads itself allows three."""

_NOT_IN_PAYLOAD = {"id", "dependencies", "comments", "_type"}


class _Issue(NamedTuple):
    part: Part
    key: str
    fields: Mapping[str, Part]


class _Edges(NamedTuple):
    """By key: what blocks an issue, whose child it is, and which children it has."""

    blocks: dict[str, list[str]]
    parent: dict[str, str]
    children: dict[str, list[str]]
    external: set[str]
    """What blocks some issue and belongs to another project."""


def read_beads(source: str, written: DocumentText) -> Plan:
    """The plan of an issue file; `written` is a list of its lines. Raises `BadDocument`."""
    builder = Builder("beads", source, written)
    issues = [*_issues(builder)]
    edges = _edges(builder, issues)
    for issue in issues:
        _add(builder, issue, edges)
    return builder.plan("", {})


def _issues(builder: Builder) -> Iterator[_Issue]:
    for part in builder.root.items():
        fields = null_left_out(part.fields("an issue, an object with `id` and `title`"))
        kind = fields["_type"].text() if "_type" in fields else "issue"
        if kind != "issue":
            builder.note(part, f"it is no issue but a {kind}: left out")
            continue
        if "id" not in fields:
            part.fault("`id` is missing: what depends on it names that")
            continue
        key = fields["id"].text()
        if key is None:
            continue
        if (why := _no_work(fields)) is not None:
            builder.note(part, f"the issue {key} is left out: {why}")
            builder.left_out[key] = why
        else:
            yield _Issue(part, key, fields)


def _no_work(fields: Mapping[str, Part]) -> str | None:
    """Why there is nothing to be done for an issue; None where there is."""
    if "is_template" in fields and fields["is_template"].truth():
        return "it is a template, of which issues are made"
    status = fields["status"].text() if "status" in fields else None
    return _NO_WORK.get(status or "") or _NO_WORK_TYPES.get(_type(fields))


def _type(fields: Mapping[str, Part]) -> str:
    return (fields["issue_type"].text() if "issue_type" in fields else None) or ""


def _edges(builder: Builder, issues: list[_Issue]) -> _Edges:
    edges = _Edges({}, {}, {}, set())
    keys = {issue.key for issue in issues}
    for issue in issues:
        part = issue.fields.get("dependencies")
        for each in part.items("a list of dependencies") if part is not None else ():
            relation = null_left_out(each.fields("an object with `depends_on_id` and `type`"))
            if "depends_on_id" not in relation:
                each.fault("`depends_on_id` is missing")
                continue
            other = relation["depends_on_id"].text()
            kind = relation["type"].text() if "type" in relation else "blocks"
            if other is not None and kind is not None:
                _relate(builder, edges, each, issue.key, other, kind)
        prefix = issue.key.rpartition(".")[0]  # children are called bd-7.1 where bd-7 is theirs
        if issue.key not in edges.parent and prefix in keys:
            edges.parent[issue.key] = prefix
            edges.children.setdefault(prefix, []).append(issue.key)
    return edges


def _relate(builder: Builder, edges: _Edges, part: Part, key: str, other: str, kind: str) -> None:
    if kind in _BLOCKS:
        if other in builder.left_out:
            builder.note(part, f"{other} is left out, and blocks nothing")
        else:
            if other.startswith(_EXTERNAL) and other not in edges.external:
                edges.external.add(other)
                builder.add_gate(part, other, [], f"{other}: is it there, in the other project?")
            edges.blocks.setdefault(key, []).append(other)
    elif kind == _PARENT:
        if other in builder.left_out:
            builder.note(part, f"{other} is left out, so {key} has no parent")
        elif key in edges.parent:
            part.fault(f"{key} has two parents: {edges.parent[key]} and {other}")
        else:
            edges.parent[key] = other
            edges.children.setdefault(other, []).append(key)
    elif kind == "conditional-blocks":
        builder.note(part, f"{key} runs only where {other} fails: it waits for a decision here")
        gate = f"{key}: has {other} failed?"
        builder.add_gate(part, gate, [], f"{key} runs only where {other} fails. Has it?")
        edges.blocks.setdefault(key, []).append(gate)
    else:
        builder.note(part, f"the relation {kind!r} to {other} blocks nothing: left out")


def _above(edges: _Edges, key: str) -> Iterator[str]:
    """What blocks an issue because it blocks one that it is below, but for those themselves."""
    path = [key]
    while len(path) <= _DEEPEST and (parent := edges.parent.get(path[-1])) not in (None, *path):
        path.append(str(parent))
    for parent in path[1:]:
        yield from (each for each in edges.blocks.get(parent, ()) if each not in path)


def _add(builder: Builder, issue: _Issue, edges: _Edges) -> None:
    fields, key = issue.fields, issue.key
    status = (fields["status"].text() if "status" in fields else None) or ""
    closed = status == "closed"
    if not closed and status not in _NOT_BEGUN:
        builder.note(fields["status"], f"{status!r} is no state of a node: it is PENDING")
    children = edges.children.get(key, ())
    needs = [*edges.blocks.get(key, ()), *_above(edges, key), *children]
    result: dict[str, Any] = {"status": status}
    if "close_reason" in fields:
        result["close_reason"] = fields["close_reason"].raw
    done = Done("COMPLETED", result, moment(builder, fields.get("closed_at"))) if closed else None
    builder.add(
        issue.part,
        key,
        needs,
        {name: each.raw for name, each in fields.items() if name not in _NOT_IN_PAYLOAD},
        settings=_settings(builder, fields, closed=closed),
        done=done,
    )
    if "comments" in fields:
        for comment in fields["comments"].items("a list of comments"):
            own = null_left_out(comment.fields("a comment, an object with `text`"))
            at = moment(builder, own.get("created_at"))
            builder.say(PlanEvent(key, "COMMENT", comment.raw, at, comment.place))


def _settings(builder: Builder, fields: Mapping[str, Part], *, closed: bool) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if "priority" in fields:
        value = fields["priority"].whole("a whole number from 0 to 4")
        if value is not None and value not in _PRIORITY:
            builder.note(fields["priority"], "it is none of 0 to 4: left out")
        if (own := _PRIORITY.get(2 if value is None else value, 0)) != 0:
            found["priority"] = own
    if not closed and (later := moment(builder, fields.get("defer_until"))) is not None:
        found["not_before"] = later
    if _type(fields) == "gate":
        found["gate"] = GateSpec(_question(fields))
    return found


def _question(fields: Mapping[str, Part]) -> str:
    """What somebody answers in place of what a gate of Beads waits for."""
    told = [fields[name].text() or "" for name in ("await_type", "await_id") if name in fields]
    title = fields["title"].text() if "title" in fields else None
    return f"{title or 'a gate'}: has come what it waits for? {' '.join(told)}".rstrip()
