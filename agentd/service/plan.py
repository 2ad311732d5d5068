"""What is to be installed: the daemon, its socket, its workers, and what they have around them."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agentd.service.workers import Workers


class Worker(NamedTuple):
    """One kind of worker, with the words that start it."""

    told: Workers
    words: tuple[str, ...]


class Plan(NamedTuple):
    """A service as it is wanted. `program` are the words that start agentd, `version` is its."""

    version: str
    program: tuple[str, ...]
    home: Path
    socket: Path
    variables: Mapping[str, str]
    workers: tuple[Worker, ...] = ()
