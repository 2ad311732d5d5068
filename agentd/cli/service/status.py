"""`agentd service status`: is there one, does it run, since when, and which workers."""

import argparse
import os
import time

from agentd import config
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import (
    console,
    is_terminal,
    plain_text,
    print_fields,
    print_table,
    print_whole,
)
from agentd.service.choice import service_manager
from agentd.service.manager import ProcessState, ServiceState
from agentd.text import printable
from agentd.times import format_duration

_NOT_RUNNING = 3
_SIGNS = {"running": "●", "starting": "◎", "failed": "✗", "stopped": "○"}
_COLOURS = {"running": "green", "starting": "yellow", "failed": "red", "stopped": "dim"}


def run(options: argparse.Namespace) -> int:
    """Show it; 3 where it does not run. Raises `NoServiceManager`."""
    settings = config.load()
    manager = service_manager(os.environ, settings)
    found = manager.state() if manager.ours() else None
    socket = str(settings.socket_path)
    if options.json:
        print_data({"installed": found is not None, "service": found, "socket": socket})
    elif found is None:
        tell = print if is_terminal() else say
        tell("there is no service; `agentd service install` puts it in place")
    elif not is_terminal():
        _print_lines(found, socket)
    else:
        _print_table(found, socket)
    return 0 if found is not None and found.daemon.state == "running" else _NOT_RUNNING


def _print_lines(found: ServiceState, socket: str) -> None:
    enabled = "enabled" if found.enabled else "disabled"
    daemon = found.daemon
    print_fields("daemon", daemon.state, daemon.pid, daemon.since, found.manager, enabled, socket)
    for each in found.workers:
        print_fields("worker", each.state, each.pid, each.since, each.name)


def _print_table(found: ServiceState, socket: str) -> None:
    screen = console()
    starts = "starts by itself" if found.enabled else "does not start by itself"
    print_whole(screen, f"a service of {printable(found.manager)}, which {starts}")
    print_whole(screen, f"socket {printable(socket)}")
    rows = [_cells(each) for each in (found.daemon, *found.workers)]
    texts = [[plain_text(cell, colour) for cell in cells] for colour, cells in rows]
    print_table(screen, ("NAME", "STATE", "PID", "FOR"), texts, flexible=0)


def _cells(process: ProcessState) -> tuple[str, tuple[str, ...]]:
    """The colour of a process and its cells."""
    age = "" if process.since is None else format_duration(int(time.time()) - process.since)
    state = f"{_SIGNS[process.state]} {process.state}"
    return _COLOURS[process.state], (process.name, state, str(process.pid or ""), age)
