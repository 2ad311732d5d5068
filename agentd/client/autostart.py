"""A daemon that the first client starts, where `AGENTD_AUTOSTART` says so.

The rule this file keeps: the locks decide whose daemon it is. Whoever asked waits until it listens,
and is told why where it refuses to start. It has the settings of its client's environment, and
nothing of what the client itself is or works on.
"""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping

from agentd import config
from agentd.client.pauses import growing_pauses
from agentd.client.young_serve import is_serve_young
from agentd.errors import AlreadyRunning, Failure, NotStarted, Starting
from agentd.holders import holder, socket_lock_path
from agentd.own_program import own_words

_HANDED_OVER = frozenset(
    {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
)
"""What systemd gives to the client alone."""

_YOUNG_SECONDS = 2.0
"""How long somebody else's start may take until it has its lock, before another is begun."""

_NO_REASON = "it said nothing"
_PREFIX = "agentd: "

_MOST_IN_VAIN = 3
"""Starts in a row after which nobody listens: another agentd has the locks, and another socket."""

_REFUSED_SECONDS = 2.0
"""How long a refusal is good for: what a process asks for again and again is not started so."""


class _Start:
    """One `agentd serve --autostart` under way. `code` is its exit code, once it has ended."""

    def __init__(self) -> None:
        """Raises `OSError` where it cannot be run."""
        self.code: int | None = None
        self.said = ""
        self.ended_at = 0.0
        self.is_refusal = False
        self._process = subprocess.Popen(  # noqa: S603 - this agentd
            [*own_words(), "serve", "--autostart"],
            env=daemon_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # what ends its client must not end it half-way
        )
        # So nobody who waits for it in an event loop is held up, and it is waited for in any case.
        threading.Thread(target=self._wait, name="autostart", daemon=True).start()

    def _wait(self) -> None:
        _, said = self._process.communicate()
        self.said = said.decode(errors="replace").strip().removeprefix(_PREFIX)
        self.end(self._process.returncode)

    def end(self, code: int) -> None:
        """It has ended; where another daemon was faster, that is no refusal."""
        self.ended_at = time.monotonic()
        self.is_refusal = code not in (0, AlreadyRunning.exit_code)
        self.code = code

    @property
    def is_over(self) -> bool:
        """Whether another may be begun."""
        is_good = self.is_refusal and time.monotonic() < self.ended_at + _REFUSED_SECONDS
        return self.code is not None and not is_good


_starts: dict[tuple[int, str], _Start] = {}
"""The last one of each process, and for each socket: its threads and tasks share it."""

_begins = threading.Lock()


def autostart_pauses(path: str, seconds: float) -> Iterator[float]:
    """Seconds to wait before each further attempt to connect, for so many seconds in all.

    A start is begun where nobody else does. Raises `NotStarted` where the daemon refuses to start,
    or `Starting` where it takes longer.
    """
    end, pauses, ended = time.monotonic() + seconds, growing_pauses(), 0
    start: _Start | None = None
    while time.monotonic() < end:
        if start is None and not _is_begun(path):
            start = _begin(path)
        elif start is not None and start.code is not None:
            ended += 1
            _check(start, ended)
            start = None  # it listens, or another does: where that fails, the next start says why
        yield next(pauses)
    raise Starting(
        f"the daemon that was started (AGENTD_AUTOSTART) does not listen on {path} after "
        f"{round(seconds, 2):g} s: a large database takes its time to be migrated; try again, or "
        f"see {config.load().home / 'serve.log'}"
    )


def _is_begun(path: str) -> bool:
    return holder(socket_lock_path(path)) is not None or is_serve_young(path, _YOUNG_SECONDS)


def _check(start: _Start, ended: int) -> None:
    """Raise what the daemon has ended with, or the last of so many that `ended` in vain."""
    if not start.is_refusal and ended < _MOST_IN_VAIN:
        return
    start.is_refusal = True
    told = start.said.splitlines()[-1:] or [_NO_REASON]
    raise _not_started(told[0], start.code)


def _not_started(why: str, code: int | None) -> NotStarted:
    code = code if code is not None and code > 0 else Failure.exit_code  # killed: below 0
    return NotStarted(f"no daemon could be started (AGENTD_AUTOSTART): {why}", code)


def _begin(path: str) -> _Start:
    """The start of this process that is under way, or a new one."""
    key = os.getpid(), path
    with _begins:
        start = _starts.get(key)
        if start is None or start.is_over:
            try:
                start = _starts[key] = _Start()
            except OSError as error:
                why = f"{error.strerror or error}: start it with `agentd serve`"
                raise _not_started(why, None) from error
        return start


def daemon_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of a client's environment its daemon has, too."""
    return {
        name: value
        for name, value in environment.items()
        if name not in _HANDED_OVER and (not name.startswith("AGENTD_") or config.is_setting(name))
    }
