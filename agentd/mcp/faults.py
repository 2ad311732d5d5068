"""What went wrong, told to a model: what, why, and what to do next.

The rule this file keeps: the next step is one that the model can take, with a tool of this server
or by asking its person. Nothing is told twice, and no traceback is a message.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from agentd.documents.faults import BadDocument
from agentd.errors import (
    Ambiguous,
    BadSetting,
    ConnectionLost,
    DaemonUnreachable,
    DatabaseRefused,
    DiskFailed,
    Failure,
    LeaseLost,
    NoAnswer,
    NobodyListens,
    NoSocket,
    NotStarted,
    RequestRefused,
    Starting,
)
from agentd.mcp.naming import BadArgument, NotHeld
from agentd.mcp.shortening import shorten_text
from agentd.text import printable

EXPECTED = (Failure, RequestRefused, LeaseLost, OSError, TypeError, ValueError)
"""What is told; anything else is a fault of this server's own."""

_UNKNOWN = (NoAnswer, ConnectionLost)
"""After these nobody knows what was done. A node that they granted is given back."""

_MOST_FAULTS = 5
_LONGEST = 4_000
"""Characters: some repeat what they were given."""

_MEND_AND_REPEAT = "ask your person to run `agentd doctor`, then call again"

_NEXT: Mapping[str, str] = {
    "task_not_found": "show_task without arguments lists the tasks",
    "node_not_found": "show_task lists the nodes of a task",
    "stale_lease": "drop the work; acquire_node gives you other work",
    "lease_required": "only its holder may write to it: acquire_node first",
    "illegal_transition": "show_node says what became of the node",
    "invalid_graph": "correct the nodes and send all of them again",
    "invalid_params": "correct the argument and call again",
    "task_cancelled": "drop the work on it",
    "task_ended": "show_task says what became of it",
    "not_retryable": "show_node says what became of it",
    "gate_not_open": "show_node says what the gate waits for",
    "lock_not_held": "it is free for others already: acquire_lock takes it again",
    "request_too_large": "write large data to a file and send its path",
    "storage_full": "ask your person to free some disk space, then call again",
    "storage_error": _MEND_AND_REPEAT,
    "too_many_connections": "call again in a minute",
}
_NEXT_FOR_OTHERS = "ask your person to run `agentd doctor`"
_CORRECT = "correct the arguments and call again"
_LOOK = "look with show_task whether it was; if not, call again"
_START = "ask your person to start it with `agentd serve`, then call again"
_NEXT_FOR_FAILURES: Mapping[type[BaseException], str] = {
    Starting: "call again in a moment",
    NotStarted: _MEND_AND_REPEAT,
    NoSocket: _START,
    NobodyListens: _START,
    NoAnswer: _LOOK,
    ConnectionLost: _LOOK,
    DaemonUnreachable: f"{_NEXT_FOR_OTHERS}, then call again",
    NotHeld: "acquire_node gives you a node; show_node says what became of one",
    BadArgument: _CORRECT,
    BadDocument: _CORRECT,
    BadSetting: _MEND_AND_REPEAT,
    DatabaseRefused: _MEND_AND_REPEAT,
    DiskFailed: _MEND_AND_REPEAT,
    Ambiguous: "give more of the id",
    LeaseLost: "drop the work; acquire_node gives you other work",
}


def told(tool: str, error: BaseException) -> str:
    """What is told of a failure of that tool."""
    if isinstance(error, ValidationError):
        why, then = _of_arguments(error), _CORRECT
    elif isinstance(error, RequestRefused):
        kind = str(error.data.get("kind"))
        why, then = f"{error.message} ({kind})", _NEXT.get(kind, _NEXT_FOR_OTHERS)
    else:
        why = "; ".join([str(error), *_details(error)])
        then = next(
            (step for kind, step in _NEXT_FOR_FAILURES.items() if isinstance(error, kind)),
            _CORRECT,
        )
    did = "may have been done" if isinstance(error, _UNKNOWN) else "did nothing"
    return f"{tool} {did}.\nwhy: {shorten_text(printable(why), _LONGEST)}\nnext: {then}"


def _details(error: BaseException) -> list[str]:
    if isinstance(error, Ambiguous):
        return list(error.candidates)
    return list(getattr(error, "faults", ()))  # of `BadDocument`


def _of_arguments(error: ValidationError) -> str:
    """Each argument that is wrong; pydantic's own text has links that nobody follows."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    listed = [
        f"`{'.'.join(str(step) for step in fault['loc'])}`: {fault['msg']}" for fault in faults
    ]
    more = len(listed) - _MOST_FAULTS
    return "; ".join(listed[:_MOST_FAULTS]) + (f"; and {more} more" if more > 0 else "")
