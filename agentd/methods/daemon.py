"""DescribeInterface, Health and Metrics."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from agentd import __version__, queries
from agentd.api import (
    OTHER_KINDS,
    DescribeInterfaceResult,
    ErrorDescription,
    HealthResult,
    LockModel,
    MethodDescription,
    MetricsResult,
    RuntimeMetrics,
    StateModel,
)
from agentd.decide import Context
from agentd.errors import WIRE_ERRORS, StorageError
from agentd.events import STATUSES
from agentd.lifecycle import edge
from agentd.methods.method import Method
from agentd.store import Reader

_KINDS_SHOWN = 64

PROTOCOL = "agentd-jsonl-v1"


LOCK_MODEL = LockModel(
    "free text, which conflicts with its equal; file: and dir: keys are paths, may be globs, and "
    "conflict where what they name can overlap; a dir: names all below it",
    "AcquireResourceLock answers null while a lock is held that conflicts, by the same owner too; "
    "shared locks do not conflict with each other; wait_secs waits, first come, first served",
    "HeartbeatResourceLock and ReleaseResourceLock take the lease_id of the lock, else they are "
    "refused with lock_not_held",
    "a lock ends when its ttl is over, without grace; one that is bound to a node's lease ends "
    "with that",
)


def describe_interface(methods: Iterable[Method]) -> DescribeInterfaceResult:
    """The interface that has these methods."""
    transitions = {
        "AcquireNextNode": edge("acquire"),
        "CompleteNode": edge("complete"),
        "FailNode": edge("fail"),
        "timeout_rollback": edge("timeout_rollback"),
        "ReleaseNode": edge("release"),
        "retry": edge("retry"),
        "RetryNode": edge("retry_failed"),
        "revoke": edge("revoke"),
    }
    return DescribeInterfaceResult(
        PROTOCOL,
        "unix-domain-socket",
        "one JSON object per line, UTF-8, at most 1048576 bytes with its newline",
        __version__,
        StateModel(list(STATUSES), transitions),
        [ErrorDescription(e.code, e.kind, (e.__doc__ or "").strip()) for e in WIRE_ERRORS],
        [_describe_method(method) for method in methods],
        LOCK_MODEL,
    )


def _describe_method(method: Method) -> MethodDescription:
    return MethodDescription(
        method.name,
        method.summary,
        msgspec.json.schema(method.params),
        msgspec.json.schema(method.result),
        list(method.aliases),
    )


def health(reader: Reader, _params: Struct, context: Context) -> HealthResult:
    """All is well, if the database can be read."""
    reader.last_seq()
    return HealthResult("ok", "ok", context.lease_ms // 1000, context.event_limit)


def unready_health(error: StorageError, context: Context) -> HealthResult:
    """Why the database cannot be read."""
    since = error.data.get("since")
    return HealthResult(
        "unavailable",
        error.why,
        context.lease_ms // 1000,
        context.event_limit,
        UNSET if since is None else since / 1000,
    )


def metrics(reader: Reader, _params: Struct, context: Context) -> MetricsResult:
    """What this daemon has done, and what the database holds."""
    return MetricsResult(
        (context.now - context.started_at) // 1000,
        context.lease_ms // 1000,
        context.event_limit,
        replace(context.runtime, failures_by_kind=_most_frequent(context.runtime)),
        queries.database_metrics(reader, context.now),
        context.started_at / 1000,
        __version__,
    )


def _most_frequent(runtime: RuntimeMetrics) -> dict[str, int]:
    """The kinds of failures that are shown, and all the others as one."""
    ordered = sorted(runtime.failures_by_kind.items(), key=lambda each: -each[1])
    shown = dict(ordered[:_KINDS_SHOWN])
    if rest := sum(number for _kind, number in ordered[_KINDS_SHOWN:]):
        shown[OTHER_KINDS] = shown.get(OTHER_KINDS, 0) + rest
    return shown
