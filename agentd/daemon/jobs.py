"""What a request turns out to be, and how much of it is known before it is run.

The rule this file keeps: whether a command is large is told here, at one place, and before it is
decoded where that is possible: decoding a large one is work too, and what comes out takes memory.
"""

import time
from typing import Any, NamedTuple

from msgspec import Struct, UnsetType
from msgspec.structs import replace

from agentd.api import (
    AcquireNextNodeParams,
    AcquireNodesParams,
    AcquireNodesResult,
    AcquireResourceLockParams,
    Acquisition,
    AddNodesParams,
    CommitEventParams,
    CompleteNodeParams,
    EndingResult,
    FailNodeParams,
    ForkTaskParams,
    HeartbeatNodeParams,
    ImportTaskParams,
    Params,
    RegisterTaskParams,
    ReleaseNodeParams,
)
from agentd.daemon.context_sizes import ContextSizes
from agentd.daemon.log import logger
from agentd.daemon.writer import Client, SubmittedCommand
from agentd.decoding import decode
from agentd.errors import InternalError, RequestRefused
from agentd.methods import BY_NAME, Method
from agentd.protocol import RejectedLine, Request, encode_error, encode_result
from agentd.transact import Call, Outcome

LARGE = 65_536
"""Bytes of a request, or of its answer, from which on it is large."""

MANY = 1_000
"""Objects in a request from which on it is large, where each may be work of some 30 µs."""

ALONE = 4_096
"""Bytes of an answer that goes alone: a client with 32 in flight may read none of them."""

_OBJECT = 3
"""Bytes of the shortest object in a list, comma included."""

_NODE_ID = 39
"""Bytes of an id in a list, comma included."""


_OUTCOME = 60
"""Bytes that tell what became of one of several heartbeats."""

_WRITING = CommitEventParams, CompleteNodeParams, FailNodeParams
_WAITING = AcquireNextNodeParams, AcquireResourceLockParams
_ENDING = CompleteNodeParams, FailNodeParams, ReleaseNodeParams


class Query(NamedTuple):
    """A query on its way to the reading threads."""

    id: bytes
    method: Method
    params: Struct


Job = SubmittedCommand | Query | RejectedLine | Request


def is_large(request: Request) -> bool:
    """Whether it may be much work, told before it is decoded."""
    size = len(request.params)
    if size < _OBJECT * MANY:  # nearly always
        return False
    method = BY_NAME.get(request.method)
    if method is None or not method.grows:
        return False
    return size >= LARGE or bytes(request.params).count(b"{") >= MANY


def decode_request(
    request: Request, client: Client, sizes: ContextSizes
) -> SubmittedCommand | Query | RejectedLine:
    """The client's request, decoded."""
    try:
        method, params = decode(request)
    except RequestRefused as error:
        return RejectedLine(request.id, error)
    if method.command is None:
        return Query(request.id, method, params)
    size = len(request.params) + len(request.id)
    if isinstance(params, _WRITING) or (isinstance(params, AddNodesParams) and params.events):
        sizes.add(params.task_id, size)  # later contexts show it
    answer = _answer_bytes(params, sizes)
    wait_secs = params.wait_secs if isinstance(params, _WAITING) else 0
    return SubmittedCommand(
        Call(method.command, params),
        client,
        request.id,
        time.perf_counter_ns(),
        answer,
        size >= LARGE or answer >= ALONE or wait_secs > 0,
        wait_secs,
    )


def once_more(command: SubmittedCommand, sizes: ContextSizes) -> SubmittedCommand:
    """The command, as it is to be submitted now."""
    answer = _answer_bytes(command.call.params, sizes)
    return replace(command, since=time.perf_counter_ns(), answer_bytes=answer)


def acquisition(params: Params) -> Acquisition | None:
    """The node that is asked for, if one is."""
    if isinstance(params, AcquireNextNodeParams):
        return params
    return params.acquire_next if isinstance(params, _ENDING) else None


def note_contexts(wanted: Acquisition, result: Any, size: int, sizes: ContextSizes) -> None:
    """Note how large the contexts were in an answer of so many bytes."""
    leases = result.leases if isinstance(result, AcquireNodesResult) else [result]
    if isinstance(result, EndingResult):
        leases = [result.next] if result.next else []
    each = size // max(len(leases), 1)
    if not leases:
        return
    if not isinstance(wanted.task_id, UnsetType):
        sizes.set(wanted.task_id, each)
        return
    sizes.set_of_any(each)
    for lease in leases:
        sizes.set(lease.task_id, each)


def _answer_bytes(params: Params, sizes: ContextSizes) -> int:
    """About how many bytes the answer will have, where they may be many; else 0."""
    if (wanted := acquisition(params)) is not None:
        most = params.count if isinstance(params, AcquireNodesParams) else 1
        return sizes.estimate(wanted.task_id) * most
    if isinstance(params, RegisterTaskParams):
        return _NODE_ID * len(params.initial_nodes)
    if isinstance(params, ForkTaskParams | ImportTaskParams):
        return LARGE  # nobody knows yet
    if isinstance(params, HeartbeatNodeParams):
        return _OUTCOME * len(params.leases or ())
    return 0


def answer_line(request_id: bytes, outcome: Outcome) -> bytes:
    """The answer to a command."""
    if outcome.refusal is not None:
        return encode_error(request_id, outcome.refusal)
    try:
        return encode_result(request_id, outcome.result)
    except Exception as error:  # noqa: BLE001 - one answer must not keep the others of the batch
        logger.error("an answer could not be encoded: %r", error, exc_info=error)
        return encode_error(request_id, InternalError())
