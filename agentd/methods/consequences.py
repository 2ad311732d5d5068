"""What follows by itself, in the same transaction, from what was recorded.

The rule this file keeps: a consequence is a command like any other, which loads, decides and is
recorded; its events are `FOLLOWING`, so no request is answered with them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agentd.decide import Context
from agentd.journal import Recorded
from agentd.methods.method import Command
from agentd.store import Reader

Steps = Iterator[tuple[Command, Any]]

CONSEQUENCES: tuple[Callable[[Reader, Sequence[Recorded], Context], Steps], ...] = ()
"""Each is shown what one command recorded, once it is folded, and says what is to be done then."""


def follow(reader: Reader, recorded: Sequence[Recorded], context: Context) -> Steps:
    """The commands that carry out what follows, one after the other."""
    for consequence in CONSEQUENCES:
        yield from consequence(reader, recorded, context)
