"""The application: what keys do, and what is asked of the daemon.

The rule this file keeps: one client feeds what is shown, another one does what keys say, so that a
key never waits behind a large task. A person is told what came of each, in the daemon's words.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches

from agentd.client import AsyncClient
from agentd.client.away import AWAY
from agentd.errors import DaemonUnreachable, Failure, RequestRefused
from agentd.states import RUNNING
from agentd.top import commands
from agentd.top.ask import Ask
from agentd.top.attempt_log import log_lines
from agentd.top.chosen import Chosen
from agentd.top.commands import Command, Refused
from agentd.top.keys import HELP
from agentd.top.lines import Lines
from agentd.top.main import Main
from agentd.top.model import Model
from agentd.top.node_details import detail_lines
from agentd.top.past import STEP, Past
from agentd.top.reading import Reading
from agentd.top.why import why

_SECOND = 1.0
_PATIENCE_SECONDS = 5.0
"""For an answer: then the daemon is away, and that is said."""

_OF_MAIN = ("give", "log", "past", "past_step", "help", "leave")
"""Actions that are for the screen with the tabs."""

_STOPS = (signal.SIGTERM, signal.SIGHUP)


class Top(App[None]):
    """Shows until somebody has seen enough; `failure` is what ended it, if that did."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "quit", show=False),
        Binding("escape", "leave", show=False),
        Binding("question_mark", "help", show=False),
        Binding("r", "give('retry')", show=False),
        Binding("R", "give('retry_all')", show=False),
        Binding("l", "give('release')", show=False),
        Binding("c", "give('cancel')", show=False),
        Binding("p", "give('pause')", show=False),
        Binding("a", "give('approve')", show=False),
        Binding("x", "give('reject')", show=False),
        Binding("o", "log", show=False),
        Binding("t", "past", show=False),
        Binding("left", "past_step(-1)", show=False),
        Binding("right", "past_step(1)", show=False),
        Binding("left_square_bracket", f"past_step(-{STEP})", show=False),
        Binding("right_square_bracket", f"past_step({STEP})", show=False),
    ]

    def __init__(self, task_id: str | None, home: Path, by: str) -> None:
        """Open on a task, if one is given; `by` is whose keys these are."""
        super().__init__(ansi_color=True)  # the terminal's own sixteen, be that dark or light
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self._home = home
        self._client, self._doer = (AsyncClient(timeout=_PATIENCE_SECONDS) for _ in range(2))
        self._opens_on = task_id
        self._is_why_stale = True
        self.failure: BaseException | None = None
        self.model = Model(self._client, self._show_change)
        self.main = Main(self.model)
        self.chosen = Chosen(self.model, self.main, by)

    async def on_mount(self) -> None:
        """Begin to follow."""
        loop = asyncio.get_running_loop()
        for number in _STOPS:
            loop.add_signal_handler(number, self.exit)
        await self.push_screen(self.main)
        self._start(self._follow, "follow")
        self.set_interval(_SECOND, self._tick)
        if self._opens_on is not None:
            self._choose(self._opens_on)
            self.main.action_tab("nodes")

    async def on_unmount(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._doer.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What keys do to tasks they do where these are seen: not to whom reads a log or the help.

        See Textual's `check_action`.
        """
        if action in _OF_MAIN and self.screen is not self.main:
            return False
        return super().check_action(action, parameters)

    def _start(
        self, work: Callable[[], Awaitable[None]], group: str, *, is_alone: bool = True
    ) -> None:
        """Do it beside all else; alone: what was begun of its group before is called off."""

        async def do() -> None:
            with suppress(NoMatches):  # the screen is being taken down
                await work()

        started: Any = do  # Textual's types know coroutines only, and one may never be begun
        self.run_worker(started, group=group, exclusive=is_alone)

    async def _follow(self) -> None:
        """Follow; what ends it ends the application."""
        try:
            await self.model.follow()
        except (RequestRefused, Failure) as failure:
            self.failure = failure
            self.exit()

    def _show_change(self) -> None:
        self._is_why_stale = True
        if self.main.is_current:
            self._draw()

    def _draw(self) -> None:
        with suppress(NoMatches):  # the screen is being taken down
            self.main.draw()

    def _tick(self) -> None:
        """Times go on, and what is chosen may wait for something else."""
        if not (self.is_headless or _has_terminal()):
            self.exit()
        if not self.main.is_current:
            return
        self._draw()
        node = self.chosen.node
        if self._is_why_stale or (node is not None and node.status == RUNNING.word):
            self._ask_why()

    def _ask_why(self) -> None:
        if self.model.task_id is not None and self.model.away is None:
            self._is_why_stale = False
            self._start(self._explain, "why")

    async def _explain(self) -> None:
        task = self.model.task_id or ""
        try:
            told = await why(self._doer, task, self.chosen.node, self.model.now(), self.chosen.at)
        except (RequestRefused, DaemonUnreachable):
            told = []
        self.main.explain(told)

    def _choose(self, task_id: str) -> None:
        if task_id != self.model.task_id:
            self.main.forget_node()
            self._start(partial(self._read, task_id), "choose")

    async def _read(self, task_id: str) -> None:
        with self._refusals(), suppress(*AWAY):  # it is read as soon as the daemon is back
            await self.model.choose(task_id)
        self._ask_why()

    def on_main_tab_chosen(self) -> None:
        """What is chosen there is explained."""
        self._ask_why()

    def on_lines_moved(self, event: Lines.Moved) -> None:
        """Another line is chosen."""
        key, where = event.lines.key, event.lines.id
        if key is None:
            return
        if where == "tasks":
            self._choose(key)
        elif where in ("nodes", "graph") and where == self.main.tab and key != self.main.node_id:
            self.main.node_id = key
            self._is_why_stale = True
            if self.main.tab == "nodes":
                self._ask_why()

    def on_lines_opened(self, event: Lines.Opened) -> None:
        """Go to what the line is about."""
        match event.lines.id:
            case "tasks":
                self.main.action_tab("nodes")
            case "nodes" | "graph":
                self._start(self._show_node, "look")
            case "inbox" | "journal":
                self._go_to(event.lines.item)

    def _go_to(self, item: object) -> None:
        task_id = getattr(item, "task_id", None)
        if task_id is None:
            self.main.tell("this is of no task", is_good=False)
            return
        self._choose(task_id)
        self.main.go_to(getattr(item, "node_id", None))

    async def _show_node(self) -> None:
        with self._refusals():
            task, node = self.chosen.require_task(), self.chosen.require_node()
            found = await self._doer.node_status(task.id, node.id, at=self.chosen.at)
            lines = list(detail_lines(found, self.model.now()))
            await self.push_screen(Reading(f"{node.label}, of: {task.goal[:200]}", lines))

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(Reading("agentd top: keys and signs", HELP))

    def action_log(self) -> None:
        """Show what the chosen node's command wrote."""
        with self._refusals():
            task, node = self.chosen.require_task(), self.chosen.require_node()
            try:
                title, lines = log_lines(self._home, task.id, node.id)
            except OSError as error:
                raise Refused(f"the log cannot be read: {error}") from error
            self.push_screen(Reading(f"{title}: {node.label}", lines, at_end=True))

    def action_leave(self) -> None:
        """To now, to all lines, or to the tasks, whichever comes first."""
        if self.main.clear_filter():
            return
        if self.model.past is not None:
            self.model.past = None
            self._is_why_stale = True
            self.main.draw()
        elif self.main.tab != "tasks":
            self.main.action_tab("tasks")

    def action_past(self) -> None:
        """Look at the chosen task as it was."""
        if self.model.past is None and self.model.task_id is not None:
            past = Past(self._doer, self.model.task_id)
            self.model.past = past
            if self.main.tab not in ("nodes", "graph"):
                self.main.action_tab("nodes")
            self._start(partial(self._move_past, past.begin), "past")

    def action_past_step(self, by: int) -> None:
        """An event on, or back; many of them with `by` that is far from zero."""
        if self.model.past is not None:
            step = partial(self.model.past.step, by)
            self._start(partial(self._move_past, step), "past", is_alone=False)

    async def _move_past(self, move: Callable[[], Awaitable[None]]) -> None:
        with self._refusals():
            await move()
        self._is_why_stale = True
        self.main.draw()

    async def action_give(self, name: str) -> None:
        """Give the command of a key, after it was asked for where something is lost by it."""
        with self._refusals():
            command = self.chosen.command(name)
            if not command.question:
                self._start(partial(self._give, command, None), "give", is_alone=False)
                return

            def give(note: str | None) -> None:
                if note is not None:
                    self._start(partial(self._give, command, note), "give", is_alone=False)

            await self.push_screen(Ask(command.question, command.note), give)

    async def _give(self, command: Command, note: str | None) -> None:
        told, is_done = await commands.give(command, self._doer, note)
        self.main.tell(told, is_good=is_done)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What is refused is told, and goes on."""
        try:
            yield
        except RequestRefused as refusal:
            self.main.tell(f"refused: {refusal.message}", is_good=False)
        except Failure as failure:
            self.main.tell(str(failure), is_good=False)


def _has_terminal() -> bool:
    """Whether it is there still: not everybody is told by a signal that it was closed."""
    return sys.__stdin__ is not None and sys.__stdin__.isatty()
