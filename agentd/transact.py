"""Read this first: how a request becomes a decision, a decision events, and events rows.

The rule this file keeps: all of it is one transaction. A refusal comes before the first write, so
it leaves no trace; anything else that goes wrong undoes the transaction, and then the requests that
shared it are run again one by one, so that a request that breaks disturbs no other. Where another
writer was faster, all of them are loaded and decided again first. An answer is a view of records,
so a request with a `request_id` that was answered before is answered again.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from agentd import answers
from agentd.answers import Answered
from agentd.api import Params
from agentd.decide import Context
from agentd.errors import (
    Conflict,
    DatabaseGone,
    InternalError,
    NotKept,
    RequestRefused,
    StorageError,
    StorageFull,
)
from agentd.events import FOLLOWING
from agentd.journal import Draft, Recorded
from agentd.methods import Command, follow
from agentd.projections import project_all
from agentd.store import Store, Tx

ATTEMPTS = 3
"""How often a batch is decided because another writer was faster."""

MakeContext = Callable[[], Context]
"""Called when the transaction has begun: on some engines that brings the moment with it."""

OnFault = Callable[[BaseException], None]
"""Called with every exception that is the daemon's own fault."""

OnConflict = Callable[[int], None]
"""Called before a batch is decided again, with how often it has been decided; it may pause."""


class Call(Struct, frozen=True):
    """A command with its decoded params."""

    command: Command
    params: Params


class Outcome(Struct, frozen=True):
    """What became of one request: a result and what was recorded, or the refusal.

    `may_wait`: nothing was found, and who is willing to wait may get something later.
    """

    result: Any
    recorded: Sequence[Recorded] = ()
    refusal: RequestRefused | None = None
    may_wait: bool = False


def transact(tx: Tx, call: Call, context: Context) -> Outcome:
    """Run one command. Raises `RequestRefused` before anything is written."""
    command, params = call.command, call.params
    if (answered := _find_answer(tx, params)) is not None:
        return Outcome(_show_again(tx, call, answered, context))
    recorded: list[Recorded] = []
    if command.first is not None:
        for preceding, its_params in command.first(tx, params, context):
            recorded += _carry_out(tx, preceding, its_params, context)[1]
    state, own = _carry_out(tx, command, params, context)
    recorded += own
    if command.more is not None:
        for following, its_params in command.more(tx, params, context, recorded):
            recorded += _carry_out(tx, following, its_params, context)[1]
    shown = _answering(recorded) or _earlier_record(tx, state.result_seq)
    was_so_already = not recorded and command.unchanged is not None
    if was_so_already:
        result = _show_unchanged(tx, call, shown, context)
    else:
        result = _show(tx, call, shown, context)
    if not result:  # nothing was found, so there is nothing that a repeat could do twice
        worth_waiting = command.worth_waiting is not None and command.worth_waiting(tx, params)
        return Outcome(result, recorded, may_wait=worth_waiting)
    if params.request_id is not None and (shown or was_so_already):
        tx.remember(_to_remember(call, params.request_id, shown, context, found=was_so_already))
    return Outcome(result, recorded)
    # 5. commit: when the block of `store.write` ends


def _carry_out(
    tx: Tx, command: Command, params: Any, context: Context
) -> tuple[Any, list[Recorded]]:
    """The state that was loaded, and what was recorded on the ground of it."""
    state = command.load(tx, params, context)  # 1. load
    drafts = command.decide(state, params, context)  # 2. decide
    if not drafts:
        return state, []
    if drafts[-1].task_id is not None:  # 3. append
        recorded = _append_to_several(tx, state, drafts, context)
    else:
        recorded = tx.append(state.task_id, state.version, drafts, context.now, context.new_id)
    project_all(tx, recorded)  # 4. project
    for following, its_params in follow(tx, recorded, context):
        recorded = recorded + _carry_out(tx, following, its_params, context)[1]
    return state, recorded


def _append_to_several(
    tx: Tx, state: Any, drafts: Sequence[Draft], context: Context
) -> list[Recorded]:
    """Record drafts that say which task they are about, each at the end of that one's stream."""
    recorded: list[Recorded] = []
    for task_id, together in groupby(drafts, lambda draft: draft.task_id or state.task_id):
        version = state.versions[task_id]
        recorded += tx.append(task_id, version, together, context.now, context.new_id)
    return recorded


def _find_answer(tx: Tx, params: Params) -> Answered | None:
    """What is remembered of this very request. Raises `RequestIdReused` where it was another."""
    answered = None if params.request_id is None else tx.answered_request(params.request_id)
    if answered is not None:
        answers.check(answered, params)
    return answered


def _show_again(tx: Tx, call: Call, answered: Answered, context: Context) -> Any:
    """The answer as it was given, under the settings of then."""
    then = replace(context, event_limit=answered.event_limit, context_bytes=answered.context_bytes)
    if answered.found:
        return _show_unchanged(tx, call, _earlier_record(tx, answered.seq), then)
    places = range(answered.first_seq or answered.seq, answered.seq + 1)
    return _show(tx, call, _answering([tx.record_at(seq) for seq in places]), then)


def _answering(recorded: Sequence[Recorded]) -> Sequence[Recorded]:
    """Without what followed from it by itself, which is never alone."""
    if len(recorded) == 1:
        return recorded
    return [each for each in recorded if type(each.event) not in FOLLOWING]


def _earlier_record(tx: Tx, seq: int) -> list[Recorded]:
    return [tx.record_at(seq)] if seq else []


def _show(tx: Tx, call: Call, records: Sequence[Recorded], context: Context) -> Any:
    """The answer that these records make."""
    command = call.command
    if command.show is not None:
        return command.show(tx, records, call.params, context)
    return command.view(tx, records[-1], context) if command.view and records else None


def _show_unchanged(tx: Tx, call: Call, records: Sequence[Recorded], context: Context) -> Any:
    """The answer that it was so already, as the earlier record tells, if there is one."""
    show = call.command.unchanged
    return None if show is None else show(tx, records[-1] if records else None, context)


def _to_remember(
    call: Call, request_id: str, records: Sequence[Recorded], context: Context, *, found: bool
) -> Answered:
    """What is remembered of a request and the answer that these records make."""
    shows_all = call.command.show is not None and not found
    return Answered(
        request_id,
        answers.digest(call.params),
        records[-1].seq if records else 0,
        context.event_limit,
        context.now,
        found,
        records[0].seq if shows_all else 0,
        context.context_bytes,
    )


def _go_on(_attempt: int) -> None:
    """Decide again at once."""


def run_batch(
    store: Store,
    calls: Sequence[Call],
    make_context: MakeContext,
    on_fault: OnFault,
    enough: Callable[[], bool] = lambda: False,
    on_conflict: OnConflict = _go_on,
) -> list[Outcome]:
    """Run the requests in one transaction; when this returns, what they wrote is on disk.

    `enough` is asked after each request: once it holds, the rest is not begun and has no outcome.
    Nor has what comes behind the first that the database was gone for.
    """
    try:
        return _decide_until_alone(store, calls, make_context, enough, on_conflict)
    except StorageError as refusal:
        # A full disk may have room for the smaller ones, and what is not kept is one's alone; other
        # failures are everybody's.
        if len(calls) == 1 or not isinstance(refusal, StorageFull | NotKept):
            return [Outcome(None, refusal=refusal)] * len(calls)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not harm the neighbours
        if len(calls) == 1:
            on_fault(error)
            return [Outcome(None, refusal=InternalError())]
    return _run_one_by_one(store, calls, make_context, on_fault, enough, on_conflict)


def _decide_until_alone(
    store: Store,
    calls: Sequence[Call],
    make_context: MakeContext,
    enough: Callable[[], bool],
    on_conflict: OnConflict,
) -> list[Outcome]:
    """Run the requests together, anew where another writer was faster. Raises `Conflict`."""
    for attempt in range(1, ATTEMPTS):
        try:
            return _run_together(store, calls, make_context, enough)
        except Conflict:
            on_conflict(attempt)
    return _run_together(store, calls, make_context, enough)


def _run_together(
    store: Store, calls: Sequence[Call], make_context: MakeContext, enough: Callable[[], bool]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with store.write() as tx:
        context = make_context()
        for call in calls:
            outcomes.append(_run_one(tx, call, context))
            if enough():
                break
    return outcomes


def _run_one_by_one(
    store: Store,
    calls: Sequence[Call],
    make_context: MakeContext,
    on_fault: OnFault,
    enough: Callable[[], bool],
    on_conflict: OnConflict,
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for call in calls:
        outcomes += run_batch(store, [call], make_context, on_fault, on_conflict=on_conflict)
        if enough() or isinstance(outcomes[-1].refusal, DatabaseGone):
            break
    return outcomes


def _run_one(tx: Tx, call: Call, context: Context) -> Outcome:
    try:
        return transact(tx, call, context)
    except StorageError:  # the transaction is broken, not this request
        raise
    except RequestRefused as refusal:
        return Outcome(None, refusal=refusal)
