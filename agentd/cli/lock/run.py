"""`agentd lock run KEY ... -- COMMAND`: a command that runs while its locks are held.

The rule this file keeps: the command never runs without its locks. They are taken in the order of
what they name, so that two who want the same do not wait for each other; when one is lost, the
command is ended; and when the command has ended, they are given back.
"""

import argparse
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from agentd.cli.failures import Usage
from agentd.cli.lock.held_command import HeldCommand
from agentd.cli.lock.taking import Taking, lock_fields
from agentd.cli.owner import OWNER, process_owner
from agentd.cli.signals import stop_like_an_interrupt
from agentd.client import Client, Lock
from agentd.client.lock_paths import in_order
from agentd.errors import Failure, LockLost

COMMAND_FORM = """\
the command
  has      the terminal, standard input and output, a process group of its own
  gets     SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 passed on
  exits    and so does this verb, with the same code, or 128 and the number of
           the signal that killed it; 126 and 127 where it cannot be run

75 says that somebody else has a lock (as in `agentd work`, "not now"). When a
lock is lost the command gets SIGTERM, with all that it has started, 10s later
SIGKILL, and the exit code is 1. Killed with SIGKILL, this verb leaves the
command running, and the locks last for their --ttl
"""


class CannotRun(Failure):
    """There is no such program, or it may not be executed."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # one of the two that shells have for it


def run(options: argparse.Namespace) -> int:
    """The command's exit code. Raises `CannotRun`, `LockHeld`, `LockLost`, `Usage`."""
    _check(options.command[0])
    keys = _keys(options)
    stop_like_an_interrupt()
    command = HeldCommand(options.command)
    with Client() as client, ExitStack() as stack:
        fields = lock_fields(client, options, process_owner() or f"agentd-{os.getpid()}")
        os.environ[OWNER] = fields["owner"]  # the command is who has the locks
        taking = Taking(client, fields, options.wait)
        locks = []
        for key in keys:
            lock = taking.take(key)
            stack.push(lock.__exit__)
            lock.on_lost = command.end
            locks.append(lock)
        for lock in locks:
            lock.check()  # the others may have been waited for long
        code = command.run()
        _check_locks(locks)
    return code


def _keys(options: argparse.Namespace) -> list[str]:
    """The keys in the order in which they are taken. Raises `Usage`."""
    try:
        return in_order(options.keys, shared=options.shared)
    except ValueError as fault:
        raise Usage(str(fault)) from fault


def _check_locks(locks: list[Lock]) -> None:
    """Raise `LockLost`, which says that the command was ended, where one was lost."""
    for lock in locks:
        try:
            lock.check()
        except LockLost as lost:
            raise LockLost(f"the command was ended: {lost}") from lost


def _check(program: str) -> None:
    """Raise `CannotRun` before anything is locked."""
    if shutil.which(program) is not None:
        return
    if Path(program).is_file() and "/" in program:
        raise CannotRun(f"{program!r} may not be executed: `chmod +x` makes it a program", 126)
    raise CannotRun(
        f"no program {program!r} is on the PATH or at that place: check its spelling, or give its "
        "whole path",
        127,
    )
