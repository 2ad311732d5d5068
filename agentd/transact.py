"""Read this first: how a request becomes a decision, a decision events, and events rows.

The rule this file keeps: all of it is one transaction. A refusal comes before the first write, so
it leaves no trace; anything else that goes wrong undoes the transaction, and then the requests that
shared it are run again one by one, so that a request that breaks disturbs no other. An answer is a
view of one record, so a request with a `request_id` that was answered before is answered again.
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
from agentd.errors import Conflict, InternalError, RequestRefused, StorageError, StorageFull
from agentd.journal import Draft, Recorded
from agentd.methods import Command
from agentd.projections import project
from agentd.store import Store, Tx

ATTEMPTS = 3
"""How often a command is decided anew because another writer was faster."""

OnFault = Callable[[BaseException], None]
"""Called with every exception that is the daemon's own fault."""


class Call(Struct, frozen=True):
    """A command with its decoded params."""

    command: Command
    params: Params


class Outcome(Struct, frozen=True):
    """What became of one request: a result and what was recorded, or the refusal."""

    result: Any
    recorded: Sequence[Recorded] = ()
    refusal: RequestRefused | None = None


def transact(tx: Tx, call: Call, context: Context) -> Outcome:
    """Run one command. Raises `RequestRefused` before anything is written."""
    command, params = call.command, call.params
    if (answered := _find_answer(tx, params)) is not None:
        return Outcome(_show_again(tx, command, answered, context))
    for attempt in range(1, ATTEMPTS + 1):
        state = command.load(tx, params, context)  # 1. load
        drafts = command.decide(state, params, context)  # 2. decide
        try:  # 3. append
            if drafts and drafts[-1].task_id is not None:
                recorded = _append_to_several(tx, state, drafts, context)
            else:
                new_id = context.new_id
                recorded = tx.append(state.task_id, state.version, drafts, context.now, new_id)
            break
        except Conflict:
            if attempt == ATTEMPTS:
                raise
    for event in recorded:  # 4. project
        project(tx, event)
    answer = recorded[-1] if recorded else _earlier_record(tx, state.result_seq)
    has_nothing_to_do = not recorded and command.unchanged is not None
    if answer is None and not has_nothing_to_do:
        return Outcome(None)  # nothing was done, so there is nothing that a repeat could do twice
    show: Any = command.unchanged if has_nothing_to_do else command.view
    result = show(tx, answer, context)
    if result is not None and (request_id := params.request_id) is not None:
        # Who found nothing looks for it again: a repeat of that is a new try.
        seq, digest = 0 if answer is None else answer.seq, answers.digest(params)
        limit, at = context.event_limit, context.now
        tx.remember(Answered(request_id, digest, seq, limit, at, has_nothing_to_do))
    return Outcome(result, recorded)
    # 5. commit: when the block of `store.write` ends


def _append_to_several(
    tx: Tx, state: Any, drafts: Sequence[Draft], context: Context
) -> Sequence[Recorded]:
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


def _show_again(tx: Tx, command: Command, answered: Answered, context: Context) -> Any:
    """The answer as it was given, under the settings of then."""
    then = replace(context, event_limit=answered.event_limit)
    show: Any = command.unchanged if answered.found else command.view
    return show(tx, _earlier_record(tx, answered.seq), then)


def _earlier_record(tx: Tx, seq: int) -> Recorded | None:
    return tx.record_at(seq) if seq else None


def run_batch(
    store: Store,
    calls: Sequence[Call],
    context: Context,
    on_fault: OnFault,
    enough: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Run the requests in one transaction; when this returns, what they wrote is on disk.

    `enough` is asked after each request: once it holds, the rest is not begun and has no outcome.
    """
    try:
        with store.write() as tx:
            return _run_together(tx, calls, context, enough)
    except StorageError as refusal:
        # A full disk may have room for the smaller ones; other failures are everybody's.
        if len(calls) == 1 or not isinstance(refusal, StorageFull):
            return [Outcome(None, refusal=refusal)] * len(calls)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not harm the neighbours
        if len(calls) == 1:
            on_fault(error)
            return [Outcome(None, refusal=InternalError())]
    return _run_one_by_one(store, calls, context, on_fault, enough)


def _run_together(
    tx: Tx, calls: Sequence[Call], context: Context, enough: Callable[[], bool]
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for call in calls:
        outcomes.append(_run_one(tx, call, context))
        if enough():
            break
    return outcomes


def _run_one_by_one(
    store: Store,
    calls: Sequence[Call],
    context: Context,
    on_fault: OnFault,
    enough: Callable[[], bool],
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for call in calls:
        outcomes += run_batch(store, [call], context, on_fault)
        if enough():
            break
    return outcomes


def _run_one(tx: Tx, call: Call, context: Context) -> Outcome:
    try:
        return transact(tx, call, context)
    except StorageError:  # the transaction is broken, not this request
        raise
    except RequestRefused as refusal:
        return Outcome(None, refusal=refusal)
