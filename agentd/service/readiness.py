"""Waiting until the daemon that a service starts answers, or until it is known that it will not."""

import time
from collections.abc import Callable
from pathlib import Path

from agentd.client import Client
from agentd.errors import DaemonUnreachable, RequestRefused
from agentd.service.failures import ServiceFailed
from agentd.service.manager import Manager, ProcessState

_ANSWER_SECONDS = 1.0
_PAUSE_SECONDS = 0.1


def wait_until_answering(
    manager: Manager, socket: Path, seconds: float, pause: Callable[[float], None] = time.sleep
) -> ProcessState:
    """Wait until the daemon answers Health, so many seconds at most. Raises `ServiceFailed`."""
    end = time.monotonic() + seconds
    while True:
        daemon = manager.state().daemon
        if daemon.state == "failed":
            code = "" if daemon.exit_code is None else f" (exit code {daemon.exit_code})"
            raise _failure_with_log(f"the service does not start{code}", manager)
        told = _trouble(socket)
        if told is None:
            return manager.state().daemon
        if time.monotonic() >= end:
            waited = f"does not answer in {seconds:g} s ({told})"
            raise _failure_with_log(f"the service is {daemon.state}, and {waited}", manager)
        pause(_PAUSE_SECONDS)


def _failure_with_log(told: str, manager: Manager) -> ServiceFailed:
    lines = manager.log_end()
    return ServiceFailed(f"{told}; its log {'ends so' if lines else 'is empty'}", lines)


def _trouble(socket: Path) -> str | None:
    """Why nobody answers; None where somebody does."""
    try:
        with Client(socket, _ANSWER_SECONDS) as client:
            health = client.health()
    except (DaemonUnreachable, RequestRefused) as error:
        return str(error)
    return None if health.status == "ok" else f"it says {health.status}"
