"""What went wrong, said to a person or to a program.

The rule this file keeps: whatever stops a verb comes out here, as one line on standard error or,
with `--json`, as one envelope on standard output, and its exit code is the same both ways. What to
do next is a look or a repeat, never something that destroys.
"""

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from agentd.errors import Ambiguous, BadSetting, DatabaseGone, Failure, RequestRefused
from agentd.text import printable

INTERRUPTED = 130

NEXT_STEPS: Mapping[str, str] = {
    "parse_error": "correct the JSON, and send it again",
    "invalid_request": "correct the request, and send it again",
    "unknown_method": "`agentd call --help` lists the methods",
    "invalid_params": "`agentd call DescribeInterface` says what each method takes",
    "internal": "look into the daemon's log",
    "request_too_large": "keep large data in files and send their paths",
    "task_not_found": "`agentd task list` shows the tasks that there are",
    "node_not_found": "`agentd task show TASK` shows the task's nodes",
    "stale_lease": "drop the work, and acquire a node again",
    "lease_required": "give the lease under which the node is held",
    "illegal_transition": "`agentd task show TASK` shows the node's status",
    "invalid_graph": "correct the nodes, and send them again",
    "storage_error": "`agentd doctor` says more",
    "storage_full": "free some space, and repeat it",
    "request_id_reused": "choose a new request_id",
    "too_many_connections": "close some connections, or try again later",
    "task_cancelled": "drop the work on it",
    "task_ended": "`agentd task show TASK` shows what became of it",
    "not_retryable": "`agentd node show TASK NODE` shows what became of it",
    "gate_not_open": "`agentd gate list` shows what waits for a decision",
    "limit_unknown": "`agentd limit list` shows the limits that were set",
    "lock_not_held": "`agentd lock list` shows who holds what",
    "refused": "`agentd doctor` says more",
    "daemon_too_old": "stop the daemon, and start it again with `agentd serve` of this agentd",
    "lease_lost": "drop the work, and acquire a node again",
    "usage": "`agentd --help` lists the verbs, `agentd VERB --help` what each takes",
    "bad_setting": "correct it; `.env.example` describes the settings",
    "bad_document": "correct the document, and give it again",
    "ambiguous": "give more of the id",
    "daemon_unreachable": "`agentd doctor` says more",
    "no_socket": "start the daemon with `agentd serve --autostart`, or set AGENTD_SOCKET_PATH",
    "starting": "`agentd wait-ready` waits for it; `agentd doctor` says more",
    "nobody_listens": "start the daemon with `agentd serve --autostart`",
    "not_started": "do as it says; `agentd doctor` says more",
    "not_permitted": "run as the daemon's user, or set AGENTD_ADDRESS as docs/agents.md says",
    "foreign_daemon": "stop that program, or set AGENTD_SOCKET_PATH to your own daemon's socket",
    "not_proved": "set AGENTD_SECRET_FILE to a copy of your daemon's tcp.secret",
    "no_answer": "try again; `agentd doctor` says more",
    "connection_lost": "try again; `agentd doctor` says more",
    "not_agentd": "set AGENTD_SOCKET_PATH to agentd's socket",
    "already_running": "use the one that runs, or stop it first",
    "database_refused": "`agentd doctor` says more",
    "disk_failed": "look after the disk, then `agentd doctor` says more",
    "journal_damaged": "`agentd doctor` says more",
    "record_damaged": "`agentd doctor` says more",
    "nothing_kept": "`agentd node show TASK NODE` shows its attempts",
    "too_large": "`agentd task show TASK` lists the nodes",
    "worker_stopped": "correct what it names, and begin again",
    "wait_timed_out": "`agentd task why TASK` says what it waits for",
    "not_held_so": "`agentd node show TASK NODE` shows who holds it",
    "not_done": "`agentd node why TASK NODE` says what holds it",
    "lock_held": "`agentd lock list` shows who holds what; `--wait 5m` waits for it",
    "lock_lost": "run it again",
    "cannot_set_up": "do as it says, and run it again; nothing was written",
    "cannot_run": "check its spelling, or give its whole path",
    "no_service_manager": "have AGENTD_AUTOSTART=1 in the environment, or run `agentd serve`",
    "temporary_program": "install agentd to stay, or give --program PATH",
    "foreign_file": "move it away, and try again",
    "service_not_installed": "`agentd service install` puts it in place",
    "service_failed": "`agentd service logs` and `agentd doctor` say more",
    "failure": "`agentd doctor` says more",
    "system": "look after what it names, and try again",
    "interrupted": "run it again when you are ready",
}
"""What to do next, by the kind of what went wrong."""


class Usage(BadSetting):
    """The command line is not one of agentd's; `usage` says what it could be."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


def report_failure(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    told = False
    if as_json:
        with contextlib.suppress(OSError):  # the output itself may be what fails
            _print_for_program(error)
            told = True
    if not told:
        _print_for_person(error)
    return exit_code(error)


def _print_for_program(error: BaseException) -> None:
    kind = kind_of(error)
    failure = {"kind": kind, "message": whole_message(error), "next": _next_step(error, kind)}
    from agentd.cli.printing import print_envelope  # a line for people starts without it

    print_envelope({"ok": False, "error": failure})


def whole_message(error: BaseException) -> str:
    """What went wrong on one line, with all that is listed below it for people."""
    listed = _detail_lines(error)
    more = f": {'; '.join(listed)}" if listed else ""
    return printable(f"{_message(error)}{more}")


def _print_for_person(error: BaseException) -> None:
    if isinstance(error, Usage):
        print(error.usage, file=sys.stderr, end="")
    suffix = f" ({kind_of(error)})" if isinstance(error, RequestRefused) else ""
    print(f"agentd: {printable(_message(error) + suffix)}", file=sys.stderr)
    for each in _detail_lines(error):
        print(f"  {printable(each)}", file=sys.stderr)


def _detail_lines(error: BaseException) -> Sequence[str]:
    """What is told below the message, a line each."""
    if isinstance(error, Ambiguous):
        return error.candidates
    faults: Sequence[str] = getattr(error, "faults", ())  # of `BadDocument`
    return faults


def kind_of(error: BaseException) -> str:
    """The word for what went wrong."""
    if isinstance(error, RequestRefused):
        return str(error.data["kind"])
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError):
        return "system"
    return failure_kind(type(error))


def _next_step(error: BaseException, kind: str) -> str:
    """What to do next; about a kind that has no word of its own, what its ancestors say."""
    kinds = [kind, *(getattr(each, "kind", failure_kind(each)) for each in type(error).__mro__)]
    return next(NEXT_STEPS[each] for each in kinds if each in NEXT_STEPS)


def failure_kind(failing: type[BaseException]) -> str:
    """The word for a class of failures: its name as programs write it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", failing.__name__).lower()


def _message(error: BaseException) -> str:
    if isinstance(error, DatabaseGone):  # the verb's own work: no request was sent
        return error.why
    if isinstance(error, RequestRefused):
        return error.message
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    if isinstance(error, OSError):
        return f"{_failed_place(error)}: {error.strerror or error}"
    return str(error)


def _failed_place(error: OSError) -> str:
    """What failed: files; else, where a verb prints, the output; else the part of agentd.

    Verbs open files by their name, so what fails in them without one is what they print.
    """
    files = [str(each) for each in (error.filename, error.filename2) if each is not None]
    if files:
        return " to ".join(files)
    names = list(_functions_of(error.__traceback__))
    ours = [each for each in names if each[0].startswith("agentd.")]
    room, function = ours[-1] if ours else ("agentd.cli.", "")
    return "the output" if room.startswith("agentd.cli.") else f"{room}.{function}"


def _functions_of(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Module and name of each function that an exception came through."""
    while traceback is not None:
        frame = traceback.tb_frame
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_name
        traceback = traceback.tb_next


def exit_code(error: BaseException) -> int:
    """The one that says what went wrong."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, Failure) else 1
