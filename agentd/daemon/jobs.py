"""What a request turns out to be, and how much of it is known before it is run.

The rule this file keeps: whether a command is large is told here, at one place, and before it is
decoded where that is possible: decoding a large one is work too, and what comes out takes memory.
"""

import time
from typing import NamedTuple

from msgspec import Struct

from agentd.api import (
    AcquireNextNodeParams,
    CommitEventParams,
    CompleteNodeParams,
    FailNodeParams,
    Params,
    RegisterTaskParams,
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


_WRITING = CommitEventParams, CompleteNodeParams, FailNodeParams


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
    answer = _note_size(params, size, sizes)
    return SubmittedCommand(
        Call(method.command, params),
        client,
        request.id,
        time.perf_counter_ns(),
        answer,
        size >= LARGE or answer >= ALONE,
    )


def _note_size(params: Params, size: int, sizes: ContextSizes) -> int:
    """Note what the request adds to later contexts.

    Returns about how many bytes its answer will have, where they may be many; else 0.
    """
    if isinstance(params, _WRITING):
        sizes.add(params.task_id, size)
    elif isinstance(params, AcquireNextNodeParams):
        return sizes.estimate(params.task_id)
    elif isinstance(params, RegisterTaskParams):
        return _NODE_ID * len(params.initial_nodes)
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
