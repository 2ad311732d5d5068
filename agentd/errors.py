"""Every failure that a client or a person at the terminal can see.

The rule this file keeps: one class per kind of failure. The class docstring is the default message,
`kind` is the word for programs (`data.kind` on the wire), `code` the JSON-RPC number. A failure is
raised where it is noticed and turned into bytes at one place, `protocol.encode_error`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

_LONGEST_NAME = 128
"""Characters of a node's name, and so of what was sent as one, that a message repeats."""


class RequestRefused(Exception):
    """The request was refused."""

    code: ClassVar[int] = -32000
    kind: ClassVar[str] = "refused"

    def __init__(self, message: str | None = None, **data: Any) -> None:
        self.message: str = message or (type(self).__doc__ or "").strip()
        self.data: dict[str, Any] = {"kind": self.kind, **data}
        super().__init__(self.message)


class ParseError(RequestRefused):
    """The line is not JSON."""

    code = -32700
    kind = "parse_error"


class InvalidRequest(RequestRefused):
    """The line is JSON, but not a request object."""

    code = -32600
    kind = "invalid_request"


class UnknownMethod(RequestRefused):
    """There is no such method."""

    code = -32601
    kind = "unknown_method"


class InvalidParams(RequestRefused):
    """The params are missing, malformed or of a wrong type."""

    code = -32602
    kind = "invalid_params"


class Unsendable(InvalidParams, ValueError):
    """A value that JSON has no form for; the client says where it stands and sends nothing."""


class InternalError(RequestRefused):
    """The daemon failed on this request; nothing was written. Its log has the details."""

    code = -32603
    kind = "internal"


class RequestTooLarge(RequestRefused):
    """The line is longer than one request may be."""

    code = -32001
    kind = "request_too_large"


class TaskNotFound(RequestRefused):
    """There is no such task."""

    kind = "task_not_found"

    @classmethod
    def of(cls, task_id: str) -> Self:
        """The refusal that names the task."""
        return cls(f"there is no task {task_id}: register it, or look at the id", task_id=task_id)


class NodeNotFound(RequestRefused):
    """There is no such node in this task."""

    kind = "node_not_found"

    @classmethod
    def of(cls, task_id: str, named: str) -> Self:
        """The refusal that names both; a name that is no node's may be of any length."""
        shown = named if len(named) <= _LONGEST_NAME else f"{named[:_LONGEST_NAME]}…"
        return cls(
            f"task {task_id} has no node {shown}: TaskStatus lists its nodes",
            task_id=task_id,
            node_id=shown,
        )


class StaleLease(RequestRefused):
    """The lease is no longer current; acquire again."""

    kind = "stale_lease"


class LeaseRequired(RequestRefused):
    """The node is RUNNING: only the holder of its lease may write to it; send lease_id."""

    kind = "lease_required"


class IllegalTransition(RequestRefused):
    """The node's status does not allow this."""

    kind = "illegal_transition"


class InvalidGraph(RequestRefused):
    """The nodes are not a directed acyclic graph."""

    kind = "invalid_graph"


class NotRetryable(RequestRefused):
    """The node is not FAILED, or what depends on it ran although it failed."""

    kind = "not_retryable"


class GateNotOpen(RequestRefused):
    """The node is no gate, or a gate that is not open: there is nothing to decide."""

    kind = "gate_not_open"


class LimitUnknown(RequestRefused):
    """No node names the limit, and nobody has set it: is its name misspelled?"""

    kind = "limit_unknown"


class LockNotHeld(RequestRefused):
    """No lock is held on this key under this lease: it ended, or never was."""

    kind = "lock_not_held"


class TaskIsCancelled(RequestRefused):
    """The task is cancelled: drop the work on it."""

    kind = "task_cancelled"


class TaskHasEnded(RequestRefused):
    """The task has ended: there is nothing to cancel, pause or resume."""

    kind = "task_ended"


class StorageError(RequestRefused):
    """The database could not be read or written; the message says what became of the request."""

    kind = "storage_error"

    @property
    def why(self) -> str:
        """What happened, without what is said to whoever sent a request."""
        return self.message.partition("; nothing of this request")[0]


class StorageFull(StorageError):
    """The disk is full; nothing of this request is recorded. Free some space and repeat it."""

    kind = "storage_full"


class NotKept(StorageError):
    """The database keeps no such text, whoever tries; nothing of this request is recorded."""


class SyncFailed(StorageError):
    """The disk failed to keep what was written: whether this request is recorded is unknown."""


class DatabaseGone(StorageError):
    """The database's server cannot be reached; nothing of this request is recorded. Repeat it."""


class OutcomeUnknown(StorageError):
    """The database's server does not say whether this is recorded: it is unknown. Repeat it."""


class RequestIdReused(RequestRefused):
    """The request_id stands for another request already; choose a new one."""

    kind = "request_id_reused"


class TooManyConnections(RequestRefused):
    """The daemon serves as many connections as it can: close some, or try again later."""

    kind = "too_many_connections"


WIRE_ERRORS: tuple[type[RequestRefused], ...] = (
    ParseError,
    InvalidRequest,
    UnknownMethod,
    InvalidParams,
    InternalError,
    RequestTooLarge,
    TaskNotFound,
    NodeNotFound,
    StaleLease,
    LeaseRequired,
    IllegalTransition,
    InvalidGraph,
    StorageError,
    StorageFull,
    RequestIdReused,
    TooManyConnections,
    NotRetryable,
    TaskIsCancelled,
    TaskHasEnded,
    LimitUnknown,
    GateNotOpen,
    LockNotHeld,
)
"""All that may stand in a response's `error`; `DescribeInterface` lists them from here."""


class Conflict(Exception):
    """Another writer was faster: load the state and decide again."""


class Failure(Exception):
    """What stops a program rather than a request: one line for a person and an exit code."""

    exit_code: ClassVar[int] = 1


class Ambiguous(Failure):
    """What was named could be several: the candidates."""

    def __init__(self, message: str, candidates: Sequence[str]) -> None:
        super().__init__(message)
        self.candidates = candidates


class WorkerStopped(Failure):
    """A worker's command can do no good here: the worker stopped before more nodes met it."""


class BadSetting(Failure):
    """A setting that does not parse."""

    exit_code = 2


class DaemonUnreachable(Failure):
    """No daemon answered: no socket, nobody listening, no permission, or the connection broke."""

    exit_code = 3


class NoSocket(DaemonUnreachable):
    """There is no socket at the path: the daemon was not started, or listens elsewhere."""


class Starting(NoSocket):
    """Nobody listens at the path, and a daemon holds its lock: it starts, or lost its socket."""


class NobodyListens(DaemonUnreachable):
    """There is a socket, but its daemon is gone."""


class NotStarted(NobodyListens):
    """No daemon runs, and the one that was started for a client refused: this is its exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # the daemon's own


class NotPermitted(DaemonUnreachable):
    """The socket may not be used: it is another user's, or a sandbox forbids it."""


class ForeignDaemon(DaemonUnreachable):
    """What listens at the socket is another user's program: nothing is sent to it."""


class NotProved(DaemonUnreachable):
    """What listens does not know the secret that the daemon and its clients share."""


class NoAnswer(DaemonUnreachable):
    """The daemon did not answer in time: what became of the request is unknown."""


class ConnectionLost(DaemonUnreachable):
    """The connection broke before the answer: what became of the request is unknown."""


class NotAgentd(DaemonUnreachable):
    """What answers does not speak the protocol."""


class LeaseLost(Exception):
    """The lease is gone: drop the work, the node is another's or will be."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class LockLost(LeaseLost):
    """The lock is gone: what it kept others from is open to them."""


class WorkFailed(Exception):
    """Raised by whoever works on a node: fails it with this payload, any JSON-encodable value.

    `kind`, `retryable` and `retry_after_secs` are those of `Client.fail_node`.
    """

    def __init__(
        self,
        payload: Any,
        *,
        kind: str | None = None,
        retryable: bool = True,
        retry_after_secs: float | None = None,
    ) -> None:
        super().__init__(f"the work failed: {payload!r}")
        self.payload = payload
        self.kind = kind
        self.retryable = retryable
        self.retry_after_secs = retry_after_secs


class WorkReleased(Exception):
    """Raised by whoever works on a node: gives it back without blame, for `after_secs` at least."""

    def __init__(self, reason: str | None = None, *, after_secs: float | None = None) -> None:
        super().__init__(f"the work was given back: {reason}" if reason else "given back")
        self.reason = reason
        self.after_secs = after_secs


class LockHeld(Failure):
    """Somebody has a lock that conflicts with the one that is wanted."""

    exit_code = 75  # "not now", as the exit code of a worker's command


class AlreadyRunning(Failure):
    """Another agentd owns this home or this database."""

    exit_code = 4


class DatabaseRefused(Failure):
    """The file is not a database that this program may write to."""

    exit_code = 5


class DiskFailed(Failure):
    """The disk did not keep what was written, so nothing more is written."""

    exit_code = 6


class JournalDamaged(Failure):
    """The journal or a projection is not what it should be."""


class RecordDamaged(JournalDamaged):
    """A record of the journal cannot be read; `seq` and `task_id` say which one."""

    def __init__(self, seq: int, task_id: str, why: str) -> None:
        super().__init__(f"seq {seq} (task {task_id}): {why}")
        self.seq = seq
        self.task_id = task_id
        self.why = why
