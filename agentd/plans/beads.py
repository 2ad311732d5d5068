"""The issues of Beads (https://github.com/steveyegge/beads), in JSON Lines.

The rule this file keeps: `blocks` is a dependency; a parent waits for its children, and these for
what blocks it, as `bd ready` has it. Closed ones arrive COMPLETED, comments as events. Relations
that block nothing are noted, and stay in the payload.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from agentd.api import GateSpec
from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder, Done
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Plan, PlanEvent
from agentd.plans.settings import moment

_BLOCKS = ("blocks", "blocked-by", "waits-for", "merge-blocks")
_EXTERNAL = "external:"
_PARENT = ("parent-child", "parent")
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
_CLOSED = "closed"
_DONE = ("done", "completed")
"""What people call it who have statuses of their own."""

_NOT_BEGUN = ("open", "")
_PRIORITY = {0: 20, 1: 10, 2: 0, 3: -10, 4: -20}
_DEEPEST = 16
"""Parents above an issue that are looked at: Beads itself allows three."""

_NOT_IN_PAYLOAD = {"dependencies", "depends_on", "comments", "_type"}


class _Issue(NamedTuple):
    part: Part
    key: str
    fields: Mapping[str, Part]


class _Edges(NamedTuple):
    """By key: what blocks an issue, whose child it is, which children it has, what else is said."""

    blocks: dict[str, list[str]]
    parents: dict[str, dict[str, None]]
    children: dict[str, list[str]]
    others: dict[str, list[Raw]]
    """Relations that block nothing, as they were written."""
    external: set[str]
    """What blocks some issue and belongs to another project."""

    def take_parent(self, key: str, parent: str) -> None:
        """That issue is a child of the other one; said twice is said once."""
        above = self.parents.setdefault(key, {})
        if parent not in above:
            above[parent] = None
            self.children.setdefault(parent, []).append(key)


def read_beads(source: str, written: DocumentText) -> Plan:
    """The plan of an issue file; `written` is a list of its lines. Raises `BadDocument`."""
    builder = Builder("beads", source, written)
    issues = [*_issues(builder)]
    edges = _edges(builder, issues)
    for issue in issues:
        _add(builder, issue, edges)
    builder.forget_missing()
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
            builder.note(part, f"{why}: left out")
            builder.left_out[key] = why
        else:
            yield _Issue(part, key, fields)


def _no_work(fields: Mapping[str, Part]) -> str | None:
    """Why there is nothing to be done for an issue; None where there is."""
    if "is_template" in fields and fields["is_template"].truth():
        return "it is a template, of which issues are made"
    status = text_in(fields, "status")
    return _NO_WORK.get(status or "") or _NO_WORK_TYPES.get(_type(fields))


def _type(fields: Mapping[str, Part]) -> str:
    return text_in(fields, "issue_type") or ""


def _edges(builder: Builder, issues: list[_Issue]) -> _Edges:
    edges = _Edges({}, {}, {}, {}, set())
    keys = {issue.key for issue in issues}
    for issue in issues:
        key, fields = issue.key, issue.fields
        for name in ("dependencies", "depends_on"):
            part = fields.get(name)
            for each in part.one_or_more("a list of dependencies") if part is not None else ():
                _read_relation(builder, edges, each, key, keys)
        prefix = key.rpartition(".")[0]  # children are called bd-7.1 where bd-7 is theirs
        if key not in edges.parents and prefix in keys:
            edges.take_parent(key, prefix)
    return edges


def _read_relation(
    builder: Builder, edges: _Edges, part: Part, key: str, keys: Collection[str]
) -> None:
    """What an issue says of another one; an id alone, as people write it, is what blocks it."""
    other, kind = (part.text(), "blocks") if part.kind == "a text" else _relation(part)
    if other is None or kind is None:
        return
    if kind in _PARENT:
        if other in keys:
            edges.take_parent(key, other)
        else:
            gone = "left out" if other in builder.left_out else "not there"
            builder.note(part, f"the parent is {gone}: it has none here")
    elif kind in _BLOCKS:
        _block(builder, edges, part, key, other)
    elif kind == "conditional-blocks":
        builder.note(part, f"{key} runs only where {other} fails: it waits for a decision here")
        gate = f"{key}: has {other} failed?"
        builder.add_gate(part, gate, [], f"{key} runs only where {other} fails. Has it?")
        edges.blocks.setdefault(key, []).append(gate)
    else:
        builder.note(part, f"the relation {kind!r} blocks nothing: it is in the payload alone")
        edges.others.setdefault(key, []).append(part.raw)


def _relation(part: Part) -> tuple[str | None, str | None]:
    """The other issue, and what it is to this one."""
    relation = null_left_out(part.fields("an object with `depends_on_id` and `type`"))
    if "depends_on_id" not in relation:
        part.fault("`depends_on_id` is missing")
        return None, None
    kind = relation["type"].text() if "type" in relation else "blocks"
    return relation["depends_on_id"].text(), kind


def _block(builder: Builder, edges: _Edges, part: Part, key: str, other: str) -> None:
    if other in builder.left_out:
        builder.note(part, "what it waits for is left out, and blocks nothing")
        return
    if b"any-children" in bytes(part.raw):
        builder.note(part, "any of the children would do there: it waits for all of them")
    if other.startswith(_EXTERNAL) and other not in edges.external:
        edges.external.add(other)
        builder.add_gate(part, other, [], f"{other}: is it there, in the other project?")
    edges.blocks.setdefault(key, []).append(other)


def _ancestors(edges: _Edges, key: str) -> list[str]:
    """What an issue is below, the nearest first."""
    found, level = {key: None}, [key]
    for _ in range(_DEEPEST):
        level = [each for child in level for each in edges.parents.get(child, ())]
        level = [each for each in dict.fromkeys(level) if each not in found]
        found.update(dict.fromkeys(level))
    return [*found][1:]


def _blockers(builder: Builder, issue: _Issue, edges: _Edges, *, closed: bool) -> list[str]:
    """What blocks an issue, also because it blocks one that it is below, but for those themselves.

    A child that waits for one of those would never run, there as here; one that is closed did.
    """
    key, above = issue.key, _ancestors(edges, issue.key)
    own = edges.blocks.get(key, [])
    for each in [each for each in above if closed and each in own]:
        builder.note(
            issue.part, f"it has ended, and waited for {each}, which it is below: left out"
        )
        own = [other for other in own if other != each]
    within = {key, *above}
    inherited = (each for parent in above for each in edges.blocks.get(parent, ()))
    return [*own, *(each for each in inherited if each not in within)]


def _add(builder: Builder, issue: _Issue, edges: _Edges) -> None:
    fields, key = issue.fields, issue.key
    status = text_in(fields, "status") or ""
    closed = status in (_CLOSED, *_DONE)
    if status in _DONE:
        builder.note(fields["status"], f"{status!r} is no status of Beads: it is COMPLETED")
    elif not closed and status not in _NOT_BEGUN:
        builder.note(fields["status"], f"{status!r} is no state of a node: it is PENDING")
    result: dict[str, Any] = {"status": status}
    if "close_reason" in fields:
        result["close_reason"] = fields["close_reason"].raw
    done = Done("COMPLETED", result, moment(builder, fields.get("closed_at"))) if closed else None
    payload = {name: each.raw for name, each in fields.items() if name not in _NOT_IN_PAYLOAD}
    if key in edges.others:
        payload["dependencies"] = Raw(msgspec.json.encode(edges.others[key]))
    builder.add(
        issue.part,
        key,
        [*_blockers(builder, issue, edges, closed=closed), *edges.children.get(key, ())],
        payload,
        title=text_in(fields, "title"),
        settings=_settings(builder, fields, closed=closed),
        done=done,
    )
    _say_comments(builder, issue)


def _say_comments(builder: Builder, issue: _Issue) -> None:
    part = issue.fields.get("comments")
    for comment in part.items("a list of comments") if part is not None else ():
        own = null_left_out(comment.fields("a comment, an object with `text`"))
        at = moment(builder, own.get("created_at"))
        builder.say(PlanEvent(issue.key, "COMMENT", comment.raw, at, comment.place))


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
    title = text_in(fields, "title")
    return f"{title or 'a gate'}: has come what it waits for? {' '.join(told)}".rstrip()
