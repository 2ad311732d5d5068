"""A command that is run for an event.

The rule this file keeps: it is in a process group of its own, so that Ctrl-C is for the watch to
hear and the command may end what it does; standard input and the environment have the event, and
what it prints goes where we print.
"""

import os
import signal
import subprocess
from contextlib import suppress

import msgspec

from agentd.api import RecordedEventView
from agentd.client.address import Address
from agentd.config.server import environment_for_commands
from agentd.text import printable

SHELL = "/bin/sh"
_LONGEST_KIND = 256
"""Characters of a type in the environment, which has no room for any length."""

_OURS = ("AGENTD_TASK_ID", "AGENTD_NODE_ID", "AGENTD_LEASE_ID")
"""What says whose a command is: with a lease of another node its own calls would be refused."""


class EventCommand:
    """A line for the shell; one run at a time."""

    def __init__(self, line: str, address: Address) -> None:
        self._line = line
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self.is_running = False
        """Is it at work, or about to be?"""
        self._was_told = False

    def run(self, event: RecordedEventView) -> int:
        """Its exit code, as a shell tells it: 128 and more for a signal. Raises `OSError`."""
        self._was_told = False
        self.is_running = True  # it may be heard of before `Popen` has returned
        try:
            self._process = process = subprocess.Popen(  # noqa: S603 - the line is the user's own
                [SHELL, "-c", self._line],
                stdin=subprocess.PIPE,
                env=self._environment(event),
                process_group=0,
            )
            if self._was_told:
                self._send(signal.SIGTERM)
            process.communicate(msgspec.json.encode(event) + b"\n")
        finally:
            self._process = None
            self.is_running = False
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def stop(self) -> None:
        """Tell it, and all that it has started, to stop; the second time, end it."""
        self._send(signal.SIGKILL if self._was_told else signal.SIGTERM)
        self._was_told = True

    def _send(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _environment(self, event: RecordedEventView) -> dict[str, str]:
        whole = environment_for_commands(os.environ)
        env = {name: value for name, value in whole.items() if name not in _OURS}
        told = {
            "AGENTD_EVENT_SEQ": str(event.seq),
            "AGENTD_EVENT_ID": event.id,
            "AGENTD_EVENT_KIND": printable(event.action_type)[:_LONGEST_KIND],
            "AGENTD_TASK_ID": event.task_id,
            "AGENTD_NODE_ID": event.node_id,
            **self._address.environment(),
        }
        return env | {name: value for name, value in told.items() if value is not None}
