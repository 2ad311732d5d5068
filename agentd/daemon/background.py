"""A daemon that goes on without whoever started it.

The rule this file keeps: whoever started it comes back when the first client can be served, or with
the daemon's own refusal; from then on nothing ties the two: no session, terminal, directory, open
file or signal.
"""

import os
import signal
import sys
from pathlib import Path

from agentd.config import Settings
from agentd.daemon.bounded_log import replace_output
from agentd.daemon.home import make_private, refuse_foreign
from agentd.daemon.log import logger
from agentd.daemon.queued_stderr import open_closed_descriptors
from agentd.daemon.ready_line import READY, ReadyLine
from agentd.daemon.serve import serve
from agentd.daemon.supervision import Supervision
from agentd.errors import AlreadyRunning, Failure
from agentd.loopback import Ports
from agentd.text import printable

LOG_NAME = "serve.log"

_LONGEST_LINE = 65_536
_KEPT_IGNORED = (signal.SIGPIPE, getattr(signal, "SIGXFSZ", signal.SIGPIPE))
"""Python ignores these itself."""


def serve_in_background(settings: Settings, *, backup: bool, ports: Ports) -> int:
    """Run the daemon in a process of its own; the exit code, in both.

    Raises `Failure` in the daemon's process where it refuses to start.
    """
    open_closed_descriptors()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how the daemon ended
    refuse_foreign(settings.home)
    make_private(settings.home)
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        return _wait(child, reading, settings.home / LOG_NAME)
    os.close(reading)
    ready_line = ReadyLine(writing)
    try:
        _detach(settings.home / LOG_NAME)
        serve(settings, backup=backup, ports=ports, supervision=Supervision(ready_line=ready_line))
    except AlreadyRunning as failure:  # the log is the other's
        ready_line.write(str(failure))
        return failure.exit_code
    except Failure as failure:
        ready_line.write(str(failure))
        if settings.log_format == "text":
            raise
        logger.error("%s", failure)
        return failure.exit_code
    return 0


def _wait(child: int, reading: int, log: Path) -> int:
    """Wait until the daemon serves, or has ended; say what it said, and return its exit code."""
    with os.fdopen(reading, "rb") as told:
        line = told.readline(_LONGEST_LINE).decode(errors="replace").strip()
    if line == READY:
        return 0
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if not line:
        line = f"the daemon ended while it started: see {log}"
    sys.stderr.write(f"agentd: {printable(line)}\n")
    return code if code > 0 else Failure.exit_code


def _detach(log: Path) -> None:
    os.setsid()
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN and number not in _KEPT_IGNORED:
            signal.signal(number, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    if nowhere:
        os.close(nowhere)
    replace_output(log)
