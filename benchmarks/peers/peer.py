"""Rule: every peer offers the same three things, and is left out where it is not installed.

A peer is a module of this folder: `serve` makes a place with jobs in it, `connect` lets one
worker process drain it, `results` counts what was really kept.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from benchmarks.account import Account

Drain = Callable[[], Account]


class Missing(Exception):
    """The peer is not installed; the message is the name of what is missing."""


class Peer(Protocol):
    """What a module of this folder offers."""

    def serve(self, home: Path, jobs: int) -> AbstractContextManager[str]:
        """Make a place with that many jobs in an empty directory, and yield its address."""

    def connect(self, address: str, name: str) -> AbstractContextManager[Drain]:
        """Connect one worker of this name, and yield what drains the place."""

    def results(self, address: str) -> int:
        """Return how many results were kept; asked when the last worker is done."""


class OnPostgreSQL(Protocol):
    """What a module of this folder offers whose jobs are in a database of a server that runs."""

    def fill(self, address: str, jobs: int) -> None:
        """Make that many jobs in an empty database."""

    def connect(self, address: str, name: str) -> AbstractContextManager[Drain]:
        """Connect one worker of this name, and yield what drains the place."""

    def results(self, address: str) -> int:
        """Return how many jobs were ended; asked when the last worker is done."""


def load(name: str) -> Peer:
    """Return a peer; raises `Missing` where its library is not installed."""
    try:
        return cast("Peer", import_module(f"benchmarks.peers.{name}"))
    except ModuleNotFoundError as error:
        raise Missing(error.name) from None


def load_on_postgresql(name: str) -> OnPostgreSQL:
    """Return a peer that works in a given database; raises `Missing`."""
    return cast("OnPostgreSQL", load(name))


def program(name: str) -> str:
    """Return the path of a server's program; raises `Missing`."""
    if (path := shutil.which(name)) is None:
        raise Missing(name)
    return path
