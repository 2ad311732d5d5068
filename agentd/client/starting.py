"""A daemon that starts: somebody runs `agentd serve`, and nobody listens yet.

The rule this file keeps: such a daemon is waited for, a short while; where none starts, nothing is,
unless clients are to start one (`AGENTD_AUTOSTART`).
"""

import os
import time
from collections.abc import Iterator

from agentd import config
from agentd.client.pauses import growing_pauses
from agentd.client.young_serve import is_serve_young
from agentd.holders import holder, socket_lock_path

NOT_THERE = (FileNotFoundError, ConnectionRefusedError)
"""How connecting fails where nobody listens."""

START_SECONDS = 30.0
"""How long a client waits for a daemon that it starts, where its call has the time."""


def starting_pid(path: str) -> int | None:
    """The pid of whoever has the right to listen there, 0 where it is unknown, or None."""
    return holder(socket_lock_path(path))


def start_pauses(path: str, seconds: float = START_SECONDS) -> Iterator[float]:
    """Seconds to wait before each further attempt while a daemon starts; none where none does.

    `seconds` bound them all together. Raises `BadSetting`, and where clients start daemons, why
    this one could not be started.
    """
    settings = config.load()
    if settings.autostart and _is_our_daemons(path, settings):
        from agentd.client.autostart import autostart_pauses  # noqa: PLC0415 - rarely wanted

        yield from autostart_pauses(path, min(seconds, START_SECONDS))
        return
    seconds = min(seconds, settings.connect_secs)
    end, pauses = time.monotonic() + seconds, growing_pauses()
    while time.monotonic() < end and _is_starting(path, seconds):
        yield next(pauses)


def _is_our_daemons(path: str, settings: config.Settings) -> bool:
    """Whether a daemon with these settings is the one that is looked for there.

    A worker's command is given the worker's socket, be it that of another home's daemon.
    """
    is_given = "AGENTD_TASK_ID" in os.environ and settings.socket_path.parent != settings.home
    return path == str(settings.socket_path) and not is_given


def _is_starting(path: str, seconds: float) -> bool:
    return starting_pid(path) is not None or is_serve_young(path, seconds)
