"""Has people told of what they should know: a command of theirs is run with it.

The rules this file keeps: nobody waits for it. What is committed is only noted here, the database
is read on a thread beside the writer, and the command is a process of its own, one at a time. What
does not fit in the queue is dropped, counted and told of. Each matter is told at most once.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agentd.daemon.clock import Clock
from agentd.daemon.gate_reminders import GateReminders
from agentd.daemon.hook import Hook
from agentd.daemon.log import FAILURES_SECONDS, RateLimitedLog
from agentd.daemon.notice import About, Matter, read_notice
from agentd.events import (
    Event,
    GateOpened,
    LimitClosed,
    NodeCompleted,
    NodeFailed,
    NodeUpdated,
    StateOfTask,
    TaskCancelled,
)
from agentd.journal import Recorded
from agentd.queries import find_state_row, state_of_task
from agentd.store import Store

VARIABLE = "AGENTD_NOTIFY"

MOST_MATTERS = 1_000
"""Matters that wait to be told."""

MOST_TASKS = 10_000
"""Tasks that may have ended, until they are looked at; limits that are known to be closed."""

LOOK_SECONDS = 0.05
"""Nodes end often, and tasks seldom: so long they are gathered, and their tasks looked at once."""

STOP_SECONDS = 1.0
"""How long a command that runs may go on once the daemon stops."""

_ENDED: Mapping[StateOfTask, About] = {"COMPLETED": "task_completed", "FAILED": "task_failed"}


class Notifier:
    """Runs the command for what is committed. On the event loop's thread."""

    def __init__(self, hook: Hook, store: Store, clock: Clock, *, is_shared: bool = False) -> None:
        """`is_shared`: other daemons tell people as well, of what they record."""
        self._hook = hook
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notify")
        self._matters: deque[Matter] = deque()
        self._dropped = 0
        self._touched: dict[str, int] = {}  # tasks that may have ended, by which record
        self._looked: dict[str, int] = {}  # tasks that were looked at, and how far the journal was
        self._last_seq = 0
        self._closed: dict[str, int] = {}  # limits that are known to be closed, and until when
        self._looking: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._stopped_at: float | None = None
        self._log = RateLimitedLog(FAILURES_SECONDS)
        self._notes: Mapping[type[Event], Callable[[Recorded, Any], None]] = {
            NodeCompleted: self._note_ending,
            NodeFailed: self._note_ending,
            TaskCancelled: self._note_cancellation,
            LimitClosed: self._note_closing,
            GateOpened: self._note_opening,
            NodeUpdated: self._note_update,
        }
        self._reminders = GateReminders(store, clock, self._tell, is_shared=is_shared)

    def committed(self, recorded: Sequence[Recorded]) -> None:
        """Note what people may have to be told of."""
        for each in recorded:
            note = self._notes.get(type(each.event))
            if note is not None and self._stopped_at is None:
                note(each, each.event)
        if recorded:
            self._last_seq = recorded[-1].seq

    @property
    def is_looking(self) -> bool:
        """Whether tasks are, or are about to be, looked at that may have ended."""
        return self._looking is not None

    def stop(self) -> None:
        """Tell nothing more."""
        self._stopped_at = self._loop.time()
        self._matters.clear()
        self._reminders.stop()
        if self._looking is not None:
            self._looking.cancel()

    async def close(self) -> None:
        """Wait for the command that runs, but not for long, and end it then."""
        if self._telling is not None:
            over = (self._stopped_at or 0) + STOP_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(over):  # which cancels it, and so ends the command
                    await self._telling
        self._thread.shutdown(cancel_futures=True)

    def _note_ending(self, recorded: Recorded, event: NodeCompleted | NodeFailed) -> None:
        if event.status == "PENDING":  # it is tried again
            return
        if len(self._touched) < MOST_TASKS or recorded.task_id in self._touched:
            self._touched[recorded.task_id] = recorded.seq
        else:
            self._drop()
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._begin_look)

    def _note_cancellation(self, recorded: Recorded, event: TaskCancelled) -> None:
        if event.ancestor is None:  # else that one was meant, and its event names the others
            self._tell(Matter("task_cancelled", recorded.seq))

    def _note_closing(self, recorded: Recorded, event: LimitClosed) -> None:
        """Of several that close it in a row, as all workers do that meet a quota, one is told."""
        was_closed = recorded.at < self._closed.pop(event.name, 0)
        if event.until <= recorded.at:  # it was opened
            return
        self._closed[event.name] = event.until
        if len(self._closed) > MOST_TASKS:
            del self._closed[next(iter(self._closed))]
        if not was_closed:
            self._tell(Matter("limit_closed", recorded.seq))

    def _note_opening(self, recorded: Recorded, event: GateOpened) -> None:
        node_id = recorded.node_id or ""
        self._tell(Matter("gate_opened", recorded.seq, node_id, event.timeout_at))
        self._reminders.opened(recorded, event)

    def _note_update(self, recorded: Recorded, event: NodeUpdated) -> None:
        self._reminders.moved(recorded, event)

    def _begin_look(self) -> None:
        self._looking = self._loop.create_task(self._look())

    async def _look(self) -> None:
        """See which of the tasks of which a node has ended have ended themselves."""
        looked, touched, self._touched = self._looked, self._touched, {}
        touched = {task: seq for task, seq in touched.items() if seq > looked.get(task, 0)}
        # What was committed before a look, and is noted after it, was seen by it already.
        self._looked = {task: seq for task, seq in looked.items() if seq > self._last_seq}
        try:
            found, last_seq = await self._loop.run_in_executor(
                self._thread, self._ended_tasks, touched
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon's work goes on
            self._log.error("cannot look which tasks have ended: %s", error)
        else:
            self._looked |= dict.fromkeys(touched, last_seq)
            for matter in found:
                self._tell(matter)
        self._looking = None
        if self._touched:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._begin_look)

    def _tell(self, matter: Matter) -> None:
        if len(self._matters) >= MOST_MATTERS:
            self._drop()
            return
        self._matters.append(matter)
        if self._telling is None:
            self._telling = self._loop.create_task(self._tell_all())

    def _drop(self) -> None:
        self._dropped += 1
        self._log.warning("%s is slower than what happens: people are not told of all", VARIABLE)

    async def _tell_all(self) -> None:
        while self._matters:
            matter, dropped = self._matters.popleft(), self._dropped
            try:
                notice = await self._loop.run_in_executor(
                    self._thread, self._read_notice, matter, dropped
                )
                if notice is not None:
                    await self._hook.run(notice)
                    self._dropped -= dropped
            except Exception as error:  # noqa: BLE001 - as above
                self._log.error("cannot tell of record %d: %s", matter.seq, error)
        self._telling = None

    # On the thread

    def _ended_tasks(self, touched: Mapping[str, int]) -> tuple[list[Matter], int]:
        """Those that have ended, and how far the journal was."""
        found = []
        with self._store.read() as reader:
            for task_id, seq in touched.items():
                row = find_state_row(reader, task_id)
                about = None if row is None else _ENDED.get(state_of_task(reader, row))
                if about is not None:
                    found.append(Matter(about, seq))
            return found, reader.last_seq()

    def _read_notice(self, matter: Matter, dropped: int) -> bytes | None:
        with self._store.read() as reader:
            return read_notice(reader, matter, dropped)
