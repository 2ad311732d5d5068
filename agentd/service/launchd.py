"""A service under launchd, as an agent of the user who is logged in: `launchctl`.

The rule this file keeps: a job is always taken out and put in again, with patience, because
launchd goes on with taking out after it has answered; and where nobody is logged in that is said.
"""

import os
import plistlib
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from agentd.service.commands import Ended, run
from agentd.service.failures import ForeignFile, NoServiceManager, ServiceFailed
from agentd.service.files import ours_below
from agentd.service.manager import ProcessState, ServiceState
from agentd.service.plan import Plan
from agentd.service.plists import LABEL, MARK, STOP_SECONDS, WORKERS_KEY, log_path, plist_texts

_TRIES = 10
_PAUSE_SECONDS = 0.5
_STOP_TRIES = 2 * (STOP_SECONDS + 5)
_LOG_END = 20
_LONGEST_TAIL = 65536
_PID = re.compile(r"^\s*pid = (\d+)$", re.MULTILINE)
_LAST_EXIT = re.compile(r"^\s*last exit code = (\d+)", re.MULTILINE)


class Launchd:
    """The launchd of a user's session. `pause` sleeps, in seconds."""

    name = "launchd"
    mark = MARK

    def __init__(
        self,
        environment: Mapping[str, str],
        home: Path,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._environment = environment
        self._log = log_path(home)
        self._folder = Path.home() / "Library" / "LaunchAgents"
        self._domain = f"gui/{os.getuid()}"
        self._pause = pause

    def environment(self) -> Mapping[str, str]:
        """What its commands have in their environment."""
        return self._environment

    def check(self) -> None:
        """Raise `NoServiceManager` where nobody is logged in."""
        asked = self._ask("print", self._domain)
        if not asked.ok:
            raise NoServiceManager(
                f"launchd has no session of this user ({asked.reason}): over ssh there is one only "
                "while you are logged in at the screen, too. Log in there once, and try again; "
                "until then AGENTD_AUTOSTART=1 has the first client start the daemon"
            )

    def texts(self, plan: Plan) -> dict[Path, str]:
        """The files that a service consists of."""
        return {self._folder / name: text for name, text in plist_texts(plan)}

    def ours(self) -> dict[Path, str]:
        """Those that are there, with their texts."""
        return ours_below(self._folder, (f"{LABEL}.plist", f"{LABEL}.worker.*.plist"), self.mark)

    def told_workers(self) -> list[str]:
        """What the workers that are there were asked for with. Raises `ForeignFile`."""
        lists = [_read_list(path, text) for path, text in self.ours().items()]
        return sorted({each[WORKERS_KEY] for each in lists if WORKERS_KEY in each})

    def take_down(self, changing: Collection[Path], plan: Plan | None) -> None:
        """Take out the jobs of these files, or of all where there is no plan."""
        labels = [path.stem for path in (self.ours() if plan is None else changing)]
        for label in labels:
            self._ask("bootout", f"{self._domain}/{label}")  # of none it says that it is none
        for label in labels:
            self._wait_until_out(label)

    def _wait_until_out(self, label: str) -> None:
        """Raise `ServiceFailed` where it stays in: what is put in meanwhile would be lost."""
        for _ in range(_STOP_TRIES):
            if not self._print(label).ok:
                return
            self._pause(_PAUSE_SECONDS)
        raise ServiceFailed(
            f"`launchctl bootout {self._domain}/{label}` has not ended it in "
            f"{_STOP_TRIES * _PAUSE_SECONDS:g} s",
            self.log_end(),
        )

    def bring_up(self, plan: Plan) -> None:
        """Put in every job that is not in, and have it start. Raises `ServiceFailed`."""
        for path in self.texts(plan):
            if not self._print(path.stem).ok:
                self._ask("enable", f"{self._domain}/{path.stem}")
                self._bootstrap(path)

    def _bootstrap(self, path: Path) -> None:
        for attempt in range(_TRIES):
            if attempt:
                self._pause(_PAUSE_SECONDS)
            ended = self._ask("bootstrap", self._domain, str(path))
            if ended.ok or self._print(path.stem).ok:
                return
        raise ServiceFailed(
            f"`launchctl bootstrap {self._domain} {path}` failed: {ended.reason}", self.log_end()
        )

    def forget(self) -> None:
        """Nothing: launchd knows no file, only jobs."""

    def state(self) -> ServiceState:
        """How the service is. Raises `NoServiceManager`."""
        self.check()
        states = [self._process(path.stem) for path in self.ours()]
        daemon = next(
            (each for each in states if each.name == LABEL), ProcessState(LABEL, "stopped")
        )
        workers = [each for each in states if each.name != LABEL]
        return ServiceState(self.name, self._print(LABEL).ok, daemon, workers)

    def _process(self, label: str) -> ProcessState:
        printed = self._print(label)
        if not printed.ok:
            return ProcessState(label, "stopped")
        if found := _PID.search(printed.out):
            return ProcessState(label, "running", int(found[1]))
        found = _LAST_EXIT.search(printed.out)
        code = int(found[1]) if found else None
        return ProcessState(label, "failed" if code else "starting", exit_code=code)

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """The command that shows the log."""
        return ["tail", "-n", str(lines), *(["-F"] if follow else []), str(self._log)]

    def log_end(self) -> Sequence[str]:
        """The last lines of the daemon's log."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _LONGEST_TAIL))
                lines = file.read().decode(errors="replace").split("\n")
        except OSError:
            return ()
        return [line for line in lines if line.strip()][-_LOG_END:]

    def _print(self, label: str) -> Ended:
        return self._ask("print", f"{self._domain}/{label}")

    def _ask(self, *words: str) -> Ended:
        return run(["launchctl", *words], self._environment)


def _read_list(path: Path, text: str) -> dict[str, Any]:
    """A property list of ours, which somebody may have edited. Raises `ForeignFile`."""
    try:
        return dict(plistlib.loads(text.encode()))
    except (ExpatError, TypeError, ValueError) as error:
        told = f"{path} is no property list any more ({error}): correct it, or move it away"
        raise ForeignFile(told) from error
