"""A plan, sent: in one request, or in several of which any may be the last that arrives.

The rule this file keeps: whatever came before, a repeat ends with the whole plan. A task that
begins paused because its plan comes in pieces is resumed when all of it is there, once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from agentd.api import ImportTaskResult
from agentd.client import Client
from agentd.plans.pieces import Piece, pieces_of
from agentd.plans.plan import Plan
from agentd.progress import Progress

_PAGE = 1_000


class Sent(NamedTuple):
    """The task, whether it was there before, whether something of it was missing, what was told."""

    task_id: str
    existing: bool
    completed: bool
    warnings: list[str]


class _Progress(NamedTuple):
    """How far an earlier import came: nodes, how many events; what was done with the task since."""

    nodes: set[str]
    events: int
    resumed: bool
    cancelled: bool


def send_plan(client: Client, plan: Plan, source: str, *, paused: bool, progress: Progress) -> Sent:
    """Import a plan, or what is missing of it. Raises what the requests raise."""
    pieces = pieces_of(plan, source)
    whole = len(pieces) == 1
    settings = {**plan.settings}
    stays_paused = bool(settings.pop("paused", False)) or paused
    made = client.import_task(
        plan.goal,
        source,
        pieces[0].nodes,
        context=plan.context,
        events=pieces[0].events,
        paused=stays_paused or not whole,
        **settings,
    )
    first = Sent(made.task_id, bool(made.existing), completed=False, warnings=[])
    first.warnings.extend(made.warnings or ())
    if whole:
        return first
    return _send_rest(client, pieces, made, first, progress, stays_paused=stays_paused)


def _send_rest(
    client: Client,
    pieces: Sequence[Piece],
    made: ImportTaskResult,
    first: Sent,
    progress: Progress,
    *,
    stays_paused: bool,
) -> Sent:
    """What did not go into the first request, as far as it is not there; then the task goes on."""
    fresh = _Progress({*made.node_ids}, 0, resumed=False, cancelled=False)
    there = _progress_of(client, made) if first.existing else fresh
    if there.cancelled or not _is_of(pieces, there):
        return first
    missing = _missing(pieces, there)
    for number, piece in enumerate(missing, 1):
        progress("importing", number, len(missing))
        added = client.add_nodes(made.task_id, piece.nodes, events=piece.events)
        first.warnings.extend(added.warnings or ())
    progress("", 0, 0)
    resumes = not stays_paused and not there.resumed
    if resumes:
        client.resume_task(made.task_id, reason="all of it is imported")
    return first._replace(completed=first.existing and bool(missing or resumes))


def _progress_of(client: Client, made: ImportTaskResult) -> _Progress:
    """What is there of a task that was imported before."""
    nodes: set[str] = set()
    page = client.task_status(made.task_id, fields=["nodes"], limit=_PAGE)
    nodes.update(node.id for node in page.nodes)
    while page.next is not None:
        page = client.task_status(made.task_id, fields=["nodes"], limit=_PAGE, after=page.next)
        nodes.update(node.id for node in page.nodes)
    events, resumed, after, more = 0, False, 0, True
    while more:
        found = client.task_events(made.task_id, after=after, limit=_PAGE)
        events += sum(event.by_client for event in found.events)
        resumed |= any(event.action_type == "RESUME_TASK" for event in found.events)
        after, more = found.last_seq, found.more
    return _Progress(nodes, events, resumed, page.state == "CANCELLED")


def _is_of(pieces: Sequence[Piece], there: _Progress) -> bool:
    """Whether the nodes there are the first pieces of this plan, and not those of another one."""
    expected: set[str] = set()
    for piece in pieces:
        if expected == there.nodes:
            break
        expected.update(node.id or "" for node in piece.nodes)
    return expected == there.nodes


def _missing(pieces: Sequence[Piece], there: _Progress) -> list[Piece]:
    """The pieces that never arrived, or what never arrived of them."""
    nodes = [piece for piece in pieces[1:] if piece.nodes and piece.nodes[0].id not in there.nodes]
    known = there.events
    events = []
    for piece in (piece for piece in pieces[1:] if piece.events):
        left = piece.events[known:]
        known = max(0, known - len(piece.events))
        if left:
            events.append(Piece([], left))
    return nodes + events
