"""Makes a worker of any command: a node in on standard input, its result out on standard output.

The rule this file keeps: what the command says of itself is believed, where it speaks of the node.
Exit code 0 completes the node, one means "not now", any other fails it. Whatever else may have
ended the command gives its node back, without blame: a worker that is told to stop, a working
directory that is gone, a program that cannot be found or run, by us or by the command's own shell.
The last two stop the worker, and so does a command that fails one node after another, or is done
each time when its lease is lost. A node that the command has given back by itself is neither.
"""

import asyncio
import os
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from agentd.client import AsyncClient, AsyncLease
from agentd.client.address import Address
from agentd.config.server import environment_for_commands
from agentd.errors import DaemonUnreachable, LeaseLost, RequestRefused, WorkFailed, WorkReleased
from agentd.traces.context import with_trace
from agentd.worker.child_process import GRACE, ChildProcess
from agentd.worker.command_ending import CommandEnding, last_words
from agentd.worker.command_input import command_input
from agentd.worker.command_run import CommandRun, ShowLine
from agentd.worker.command_usage import trace_usage
from agentd.worker.failure_row import MOST_FAILURES, FailureRow
from agentd.worker.guardian import Guardian, GuardianGone
from agentd.worker.kept_output import OutputKeeper
from agentd.worker.killed import killed_ending
from agentd.worker.later import LATER_EXIT, LATER_SECS, Later, parse_later
from agentd.worker.lease_watch import WAS_RELEASED
from agentd.worker.node_runner import SIGNAL_SPREAD_SECONDS
from agentd.worker.time_limit import TimeLimit, time_limit
from agentd.worker.worker import Worker

DIRECTORY_GONE = "the working directory is gone: begin again in one that is there"

_STOPPED = "its worker was stopped"

_LONGEST_QUOTED = 200
"""Characters of a command line that a message repeats."""


class CommandPolicy(NamedTuple):
    """What becomes of nodes whose command does not end well; times in seconds."""

    later_exit: int = LATER_EXIT
    later_secs: float = LATER_SECS
    timeout: float | None = None
    grace: float = GRACE
    most_failures: int = MOST_FAILURES


class CommandHandler:
    """A handler that runs `command` once for each node of its worker.

    `gave_up` says why it has stopped the worker, if it has.
    """

    def __init__(
        self,
        command: Sequence[str],
        guardian: Guardian,
        address: Address,
        show: ShowLine,
        worker: Callable[[], Worker],
        keeper: OutputKeeper,
        policy: CommandPolicy,
    ) -> None:
        self._command = command
        self._guardian = guardian
        self._address = address
        self._show = show
        self._worker = worker
        self._keeper = keeper
        self._policy = policy
        self._row = FailureRow(policy.most_failures)
        self._running: set[asyncio.Task[Any]] = set()
        self.gave_up: str | None = None

    def end_commands(self) -> int:
        """End all that run, because a signal stops the worker: their nodes are given back.

        Returns how many there are.
        """
        for task in self._running:
            if not task.cancelling():  # it is ended already, and has its time for that
                task.cancel()
        return len(self._running)

    async def __call__(self, lease: AsyncLease) -> Any:
        """The node's result.

        Raises `WorkFailed` with exit code and standard error, and `WorkReleased`.
        """
        self._check_losses()
        try:
            with self._keeper.attempt(lease) as kept:
                return await self._run(lease, CommandRun(lease, self._show, kept))
        except asyncio.CancelledError:
            if lease.was_released:
                self._row.pass_over_loss()
            raise

    async def _run(self, lease: AsyncLease, run: CommandRun) -> Any:
        try:
            code = await self._run_child(lease, run)
            await run.end()
            await trace_usage(lease, self._address)
            self._release_if_signalled()
            if code == 0:
                return await run.result()
            await self._judge(lease, CommandEnding(code, run.stderr), run.last_line)
        except WorkFailed as failed:
            if self._worker().is_stopping:  # because of other nodes: enough have failed
                raise WorkReleased(_STOPPED) from None
            self._count_failure(lease, failed)
            raise

    async def _run_child(self, lease: AsyncLease, run: CommandRun) -> int:
        """The command's exit code. Raises as the call, where something else ends it."""
        self._release_if_signalled()
        if is_directory_gone():
            self._give_up(DIRECTORY_GONE)
        now = asyncio.get_running_loop().time()
        limit = time_limit(lease, self._policy.timeout, self._policy.grace, now)
        try:
            async with asyncio.timeout_at(limit.stop_at) as scope:
                return await self._run_until_signalled(lease, run, limit, scope)
        except TimeoutError:
            if not scope.expired():
                raise
        except GuardianGone as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(f"{self._command[0]} cannot be started: {error.strerror}")
        await run.end()
        payload = {"kind": "timeout", "timeout_secs": limit.seconds, "stderr": run.stderr}
        if limit.is_early:
            payload["ended_after_secs"] = round(asyncio.get_running_loop().time() - now, 1)
        raise WorkFailed(payload, kind="timeout")

    async def _run_until_signalled(
        self, lease: AsyncLease, run: CommandRun, limit: TimeLimit, scope: asyncio.Timeout
    ) -> int:
        """Its exit code. Raises `WorkReleased` where `end_commands` ended it.

        A command that has ended was in time, though its helpers are still listened to.
        """
        child = ChildProcess(
            self._guardian,
            self._command,
            self._environment(lease),
            stdin=command_input(lease.context),
            grace=limit.grace_left,
            on_exit=lambda: None if scope.expired() else scope.reschedule(None),
        )
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._running.add(task)
        try:
            return await child.run(run.out, run.err)
        except asyncio.CancelledError:
            if lease.is_lost or self._worker().signalled_at is None:
                raise
            while task.uncancel():
                pass
            raise WorkReleased(_STOPPED) from None
        finally:
            self._running.discard(task)

    async def _judge(self, lease: AsyncLease, ending: CommandEnding, last_line: bytes) -> NoReturn:
        """What becomes of a node whose command did not end with 0."""
        await self._drop_if_released(lease)
        if not self._worker().is_stopping:  # a signal to both may have come to the command first
            await asyncio.sleep(SIGNAL_SPREAD_SECONDS)
        self._release_if_signalled()
        if is_directory_gone():
            self._give_up(DIRECTORY_GONE)
        if ending.exited_with(self._policy.later_exit):
            raise await self._put_off(lease, ending, last_line)
        if ending.lacked_program:
            self._give_up(
                f"a program that the command needs was not found or cannot be run: {ending}"
            )
        if ending.signal is not None:
            raise killed_ending(lease, ending)
        raise WorkFailed(ending.failure())

    async def _put_off(
        self, lease: AsyncLease, ending: CommandEnding, last_line: bytes
    ) -> WorkReleased:
        """The node is given back for a while; the limit that is meant is closed before that."""
        try:
            later = parse_later(last_line)
        except ValueError as error:
            self._show(lease, f"the last line is not as AGENTD_LATER should be: {error}")
            later = Later()
        wait = self._policy.later_secs if later.after_secs is None else later.after_secs
        reason = later.reason or str(ending)
        if later.close_limit is not None:
            await self._close_limit(lease, later.close_limit, wait, reason)
        return WorkReleased(reason, after_secs=wait)

    async def _close_limit(self, lease: AsyncLease, name: str, wait: float, reason: str) -> None:
        if wait == 0:  # which would open it, though somebody else has closed it
            self._show(lease, f"the limit {name!r} was not closed: for how long is not said")
            return
        async with AsyncClient(self._address) as client:
            try:
                await client.close_limit(
                    name, for_secs=wait, reason=reason, by=lease.context.node.lease_owner
                )
            except (RequestRefused, DaemonUnreachable) as error:
                self._show(lease, f"the limit {name!r} was not closed: {error}")

    async def _drop_if_released(self, lease: AsyncLease) -> None:
        """A node that the command has given back is no loss that counts: a quota is used up, say.

        Raises `LeaseLost`.
        """
        if await self._was_released(lease):
            self._row.pass_over_loss()
            raise LeaseLost(f"node {lease.node_id}: {WAS_RELEASED}")

    async def _was_released(self, lease: AsyncLease) -> bool:
        async with AsyncClient(self._address) as client:
            try:
                shown = await client.node_status(lease.task_id, lease.node_id)
            except (RequestRefused, DaemonUnreachable):  # the call that fails the node tells more
                return False
        attempt = lease.context.node.attempt
        return any(each.attempt == attempt and each.how == "released" for each in shown.attempts)

    def _release_if_signalled(self) -> None:
        """What ends after a signal to stop may have ended because of it, with exit code 0, too."""
        if self._worker().signalled_at is not None:
            raise WorkReleased(_STOPPED)

    def _count_failure(self, lease: AsyncLease, failed: WorkFailed) -> None:
        node, outcomes = (lease.task_id, lease.node_id), self._worker().outcomes
        why = self._row.add_failure(node, outcomes, self._command_line, _describe(failed))
        if why is not None:
            self._stop(why)

    def _check_losses(self) -> None:
        why = self._row.check_losses(self._worker().outcomes, self._command_line)
        if why is not None:
            self._give_up(why)

    def _give_up(self, why: str) -> NoReturn:
        self._stop(why)
        raise WorkReleased(why)

    def _stop(self, why: str) -> None:
        self.gave_up = self.gave_up or why
        self._worker().stop()

    @property
    def _command_line(self) -> str:
        """The command, as one would type it."""
        words = shlex.join(self._command)
        return words if len(words) <= _LONGEST_QUOTED else f"{words[:_LONGEST_QUOTED]} ..."

    def _environment(self, lease: AsyncLease) -> dict[str, str]:
        planned = lease.context.node.traceparent or lease.context.task.traceparent
        return {
            **with_trace(environment_for_commands(os.environ), planned or None),
            "AGENTD_TASK_ID": lease.task_id,
            "AGENTD_NODE_ID": lease.node_id,
            "AGENTD_LEASE_ID": lease.lease_id,
            "AGENTD_OWNER": lease.context.node.lease_owner or "",
            **self._address.environment(),
        }


def is_directory_gone() -> bool:
    """Whether the working directory was removed, or cannot be reached any more."""
    try:
        os.stat(os.getcwd())  # noqa: PTH109, PTH116 - not a path: the place where we are
    except OSError:
        return True
    return False


def _describe(failed: WorkFailed) -> str:
    """What a node failed with, in a few words."""
    payload = failed.payload
    if "message" in payload:
        return str(payload["message"])
    words = last_words(payload["stderr"])
    if "ended_after_secs" in payload:  # before the daemon ends it
        after, limit = payload["ended_after_secs"], payload["timeout_secs"]
        return f"its end after {after:g} s, in time for the node's time-out of {limit:g} s{words}"
    if failed.kind == "timeout":
        return f"no end within {payload['timeout_secs']:g} s{words}"
    return f"exit code {payload['exit_code']}{words}"
