"""Results that no line has room for: kept as a file, which the node's result names.

The rule this file keeps: finished work is not thrown away for its size. Where the file cannot be
kept the work is lost, and the node fails and says so.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agentd import config
from agentd.client.base_lease import BaseLease
from agentd.client.values import encode
from agentd.errors import WorkFailed
from agentd.protocol import LINE_LIMIT
from agentd.results.attempt_files import DIRECTORY, AttemptFiles
from agentd.results.large_result import KeptResult, LargeResult, ResultTooLong

PLACE = "$.result_payload"

LARGEST_SENT = LINE_LIMIT - 64 * 1024
"""Bytes of a result that a line has room for, with all that a worker may say beside it."""

_NOTHING: Mapping[str, object] = MappingProxyType({})


def large_json(value: Any) -> bytes | None:
    """The value as JSON where no line has room for that; None of any other, valid or not."""
    try:
        text = bytes(encode(value, PLACE))
    except (TypeError, ValueError):  # the end of the node says why
        return None
    return text if len(text) > LARGEST_SENT else None


def keep_json(lease: BaseLease, content: bytes) -> KeptResult:
    """Keep what a handler returned. Raises `WorkFailed`, or `BadSetting`."""
    settings = config.load()
    node = lease.context.node
    files = AttemptFiles(settings.home / DIRECTORY, lease.task_id, node.id, node.attempt)
    large = LargeResult(files, settings.log_bytes)
    large.feed(content)
    return finish_result(large)


def finish_result(large: LargeResult, told: Mapping[str, object] = _NOTHING) -> KeptResult:
    """The node's result, which says where the file is.

    Raises `WorkFailed`: what a full disk lost may be kept the next time; what is too large will be
    so again. Its payload has a `message`, and what else is `told`.
    """
    try:
        return large.finish()
    except ResultTooLong as error:
        message = (
            f"the result cannot be kept: {error.strerror}, which is what AGENTD_LOG_BYTES allows; "
            "keep large data in a file and print its path"
        )
        failure = {**told, "message": message}
        raise WorkFailed(failure, kind="result_too_large", retryable=False) from error
    except OSError as error:
        message = f"the result is lost, {large.place} cannot be written: {error.strerror}"
        raise WorkFailed({**told, "message": message}, kind="result_lost") from error
