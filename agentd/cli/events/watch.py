"""`agentd watch --exec COMMAND`: a command is run for every event, one after the other.

The rule this file keeps: a place is kept when the run for it has ended well, and before the next
begins. So every event has its run, in the journal's order; only the one that was under way when we
were killed has another.
"""

import argparse
import hashlib
import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from agentd import config
from agentd.api import RecordedEventView
from agentd.cli.events.begin import place_of
from agentd.cli.events.command import EventCommand
from agentd.cli.events.cursor import Cursor
from agentd.cli.events.reading import coming_pages, last_place, place_that_is_there
from agentd.cli.events.wanted import Wanted, known_kinds
from agentd.cli.failures import Usage
from agentd.cli.ids import find_task_id
from agentd.cli.remarks import say
from agentd.client import Client
from agentd.errors import Failure

DIRECTORY = "watch"
"""Where the places are kept, in the home."""

_NO_PROGRAM = (126, 127)
"""With these a shell says that there is no such command: for no event, so none is passed by."""

_LONGEST_NAME = 32


class CommandFailed(Failure):
    """The command that was run for an event did not end well."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # that of the command


def run(options: argparse.Namespace) -> int:
    """Run the command until stopped. Raises `CommandFailed`, `CursorTaken`, `TaskNotFound`."""
    if not (options.exec or "").strip():
        raise Usage("what is to be run? `--exec COMMAND`; `agentd events --follow` shows events")
    with Client() as client:
        task = None if options.task is None else find_task_id(client, options.task)
        wanted = Wanted(task, known_kinds(options.kind), options.grep)
        end = last_place(client)  # before there is a file: is there a daemon?
        command = EventCommand(options.exec, client.address)
        with Cursor(options.cursor or _default_path(client, wanted, options.exec)) as cursor:
            place = _begin(client, options, cursor, end)
            watch = _Watch(cursor, command, keeps_going=options.keep_going)
            return watch.run(client, wanted, place)


def _begin(client: Client, options: argparse.Namespace, cursor: Cursor, end: int) -> int:
    """The place to begin behind: the one that is kept, the one that was said, or the end."""
    if (kept := cursor.place) is not None:
        if options.after is not None or options.since is not None:
            say(f"going on behind seq {kept}, as {cursor.path} says: remove it to begin anew")
        place = place_that_is_there(kept, end)
    elif options.after is not None:
        place = options.after
    else:
        place = end if options.since is None else place_of(client, options.since, end)
    cursor.move(place)
    return place


def _default_path(client: Client, wanted: Wanted, line: str) -> Path:
    """In the home, by what is run for which events of which daemon."""
    of = [str(client.address), wanted.task_id, wanted.kinds, wanted.text, line]
    digest = hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]
    program = re.sub(r"[^\w.-]", "", Path(line.split(maxsplit=1)[0]).name, flags=re.ASCII)
    directory = config.load().home / DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory / f"{program[:_LONGEST_NAME]}-{digest}"


class _Watch:
    """Runs the command, and hears when we are told to stop."""

    def __init__(self, cursor: Cursor, command: EventCommand, *, keeps_going: bool) -> None:
        self._cursor = cursor
        self._command = command
        self._keeps_going = keeps_going
        self._stopped_by: int | None = None
        self._is_waiting = False

    def run(self, client: Client, wanted: Wanted, place: int) -> int:
        """Until we are told to stop. Raises `CommandFailed`, `KeyboardInterrupt`."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._stop)
        with suppress(KeyboardInterrupt):
            self._watch(client, wanted, place)
        if self._stopped_by == signal.SIGTERM:
            return 0
        raise KeyboardInterrupt

    def _watch(self, client: Client, wanted: Wanted, place: int) -> None:
        pages = coming_pages(client, wanted, place)
        while True:
            with self._waiting():
                page = next(pages)
            for event in page.events:
                self._run(event)
            self._cursor.move(page.last_seq)

    def _run(self, event: RecordedEventView) -> None:
        if self._stopped_by is not None:
            raise KeyboardInterrupt
        code = self._command.run(event)
        if code and self._stopped_by is not None:
            raise KeyboardInterrupt
        if code:
            about = f"event {event.seq} ({event.action_type})"
            what = f"the command ended with exit code {code} on {about}"
            if not self._keeps_going or code in _NO_PROGRAM:
                raise CommandFailed(f"{what}: started again, it begins with that", code)
            say(what)
        self._cursor.move(event.seq)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """While nothing is done that a signal may not cut in two."""
        self._is_waiting = True
        try:
            if self._stopped_by is not None:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_waiting = False

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        was_told, self._stopped_by = self._stopped_by is not None, self._stopped_by or number
        if self._is_waiting:
            raise KeyboardInterrupt
        if was_told:
            self._command.stop()
        elif self._command.is_running:
            say("stopping when the command has ended; the second time it is ended")
