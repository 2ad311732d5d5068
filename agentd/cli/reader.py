"""Whether anybody still reads what a verb prints that goes on."""

import select
import sys


def check_reader(seconds: float = 0) -> None:
    """Wait so long; raise `BrokenPipeError` when nobody would read what is to come."""
    watched = select.poll()
    watched.register(sys.stdout, 0)  # what is told in any case: its reader is gone
    if watched.poll(seconds * 1000):
        raise BrokenPipeError
