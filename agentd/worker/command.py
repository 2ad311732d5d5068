"""Makes a worker of any command: a node in on standard input, its result out on standard output.

The rule this file keeps: what the command says of itself is believed, where it speaks of the node.
Exit code 0 completes the node, any other fails it, and failing is final. So where something else
may have ended the command, its node is let go of: a worker that is told to stop, a working
directory that is gone, a program that cannot be found or run, by us or by the command's own shell.
The last two stop the worker, and so does a command that fails one node after another, or is done
each time when its lease is lost: it would be run again and again. A node that the command has given
back by itself is neither.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from agentd.client import AsyncLease, Client
from agentd.errors import DaemonUnreachable, LeaseLost, RequestRefused, WorkFailed
from agentd.worker.child_process import ChildProcess
from agentd.worker.command_run import CommandRun, ShowLine
from agentd.worker.node_runner import SIGNAL_SPREAD_SECONDS
from agentd.worker.worker import Worker

MOST_FAILURES = 3
"""Nodes in a row that a command may fail, or be too late for, before its worker stops, where nobody
says otherwise."""

SIGNAL_REACTION_SECONDS = 1.0
"""Seconds after a signal to stop in which exit code 0 may be the command's answer to it: many,
because nobody waits for them, and on a busy machine the news of an end comes late.
"""

NOT_RUN = frozenset({126, 127})
"""Exit codes of shells, env, timeout and the like: a program could not be run, or was not found
(POSIX, Shell Command Language, 2.8.2)."""

DIRECTORY_GONE = "the working directory is gone: begin again in one that is there"

_LONGEST_QUOTED = 200
"""Characters of a command's last words that the reason for stopping repeats."""


class CommandHandler:
    """A handler that runs `command` once for each node of its worker.

    `gave_up` says why it has stopped the worker, if it has.
    """

    def __init__(
        self,
        command: Sequence[str],
        socket_path: Path,
        show: ShowLine,
        worker: Callable[[], Worker],
        most_failures: int = MOST_FAILURES,
    ) -> None:
        """`most_failures` nodes that fail or are lost in a row stop the worker; 0: however many."""
        self._command = command
        self._socket_path = socket_path
        self._show = show
        self._worker = worker
        self._most_failures = most_failures
        self._failures = self._lost = self._completed = 0  # when a node was completed last
        self.gave_up: str | None = None

    async def __call__(self, lease: AsyncLease) -> Any:
        """The node's result. Raises `WorkFailed` with exit code and standard error."""
        self._check_losses()
        run = CommandRun(lease, self._show)
        code = await self._start_child(lease).run(run.out, run.err)
        is_answer = self._has_just_been_signalled()  # asked at once: its last events may take long
        await run.end()
        try:
            result = run.result(code)
        except WorkFailed as failed:
            await self._drop_if_released(lease)
            await self._let_go_if_not_its_fault(lease, failed.payload)
            self._count_failure(failed.payload)
            raise
        if is_answer or self._has_just_been_signalled():
            self._let_go(lease, "it ended right after a signal to stop, perhaps because of it")
        return result

    def _start_child(self, lease: AsyncLease) -> ChildProcess:
        """The command at work. Where that cannot be, the worker stops."""
        if is_directory_gone():
            self._give_up(DIRECTORY_GONE)
        stdin = msgspec.json.encode(lease.context)
        try:
            return ChildProcess(self._command, stdin, self._environment(lease))
        except OSError as error:
            self._give_up(f"{self._command[0]} cannot be started: {error.strerror}")

    async def _let_go_if_not_its_fault(self, lease: AsyncLease, failure: dict[str, Any]) -> None:
        """Let go of a node that would fail of what is not the node's fault."""
        if not self._worker().is_stopping:  # a signal to both may have come to the command first
            await asyncio.sleep(SIGNAL_SPREAD_SECONDS)
        if self._worker().is_stopping:
            self._let_go(lease, "the command ended while the worker stops")
        if is_directory_gone():
            self._give_up(DIRECTORY_GONE)
        if failure["exit_code"] in NOT_RUN:
            self._give_up(
                "a program that the command needs was not found or cannot be run: "
                f"{_describe_failure(failure)}"
            )

    async def _drop_if_released(self, lease: AsyncLease) -> None:
        """A node that the command has given back is no loss that counts: a quota is used up, say.

        Raises `LeaseLost`.
        """
        if await asyncio.to_thread(self._was_released, lease):
            self._lost += 1
            raise LeaseLost("its command released it")

    def _was_released(self, lease: AsyncLease) -> bool:
        with Client(self._socket_path) as client:
            try:
                shown = client.node_status(lease.task_id, lease.node_id)
            except (RequestRefused, DaemonUnreachable):  # the call that fails the node tells more
                return False
        attempt = lease.context.node.attempt
        return any(each.attempt == attempt and each.how == "released" for each in shown.attempts)

    def _count_failure(self, failure: dict[str, Any]) -> None:
        lost = self._count_losses()
        self._failures += 1
        if 0 < self._most_failures <= self._failures + lost:
            also = f", and lost leases: {lost}" if lost else ""
            self._stop(
                f"failed nodes in a row: {self._failures}{also}, the last one with "
                f"{_describe_failure(failure)}; `--max-failures` says how many may, 0 for all"
            )

    def _check_losses(self) -> None:
        lost = self._count_losses()
        if lost and 0 < self._most_failures <= self._failures + lost:
            also = f" (and failed nodes: {self._failures})" if self._failures else ""
            self._give_up(
                f"lost {lost} leases in a row{also}: what the command did was too late; a lease "
                "lasts as long as the daemon's AGENTD_NODE_TIMEOUT_SECS says without a heartbeat; "
                "`--max-failures` says how many may be lost, 0 for all"
            )

    def _count_losses(self) -> int:
        """Leases that were lost since a node was completed; the count of failures begins there."""
        outcomes = self._worker().outcomes
        completed, lost = outcomes.get("completed", 0), outcomes.get("lost", 0)
        if completed != self._completed:
            self._completed, self._lost, self._failures = completed, lost, 0
        return lost - self._lost

    def _has_just_been_signalled(self) -> bool:
        at = self._worker().signalled_at
        return at is not None and asyncio.get_running_loop().time() - at < SIGNAL_REACTION_SECONDS

    def _give_up(self, why: str) -> NoReturn:
        self._stop(why)
        raise asyncio.CancelledError

    def _stop(self, why: str) -> None:
        self.gave_up = self.gave_up or why
        self._worker().stop()

    def _let_go(self, lease: AsyncLease, why: str) -> NoReturn:
        self._show(lease, f"neither completed nor failed: {why}")
        raise asyncio.CancelledError

    def _environment(self, lease: AsyncLease) -> dict[str, str]:
        return {
            **os.environ,
            "AGENTD_TASK_ID": lease.task_id,
            "AGENTD_NODE_ID": lease.node_id,
            "AGENTD_LEASE_ID": lease.lease_id,
            "AGENTD_SOCKET_PATH": str(self._socket_path.absolute()),
        }


def is_directory_gone() -> bool:
    """Whether the working directory was removed, or cannot be reached any more."""
    try:
        os.stat(os.getcwd())  # noqa: PTH109, PTH116 - not a path: the place where we are
    except OSError:
        return True
    return False


def _describe_failure(failure: dict[str, Any]) -> str:
    """The exit code, and the last line of what the command said."""
    if "message" in failure:
        return str(failure["message"])
    lines = [line for line in failure["stderr"].splitlines() if line.strip()]
    words = f": {lines[-1].strip()[:_LONGEST_QUOTED]}" if lines else ""
    return f"exit code {failure['exit_code']}{words}"
