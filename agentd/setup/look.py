"""Is what was set up still there?

The rule this file keeps: it looks, and writes nothing. Agents that run write their own copies of
such files back, so an entry may go after it was written.
"""

import os
from collections.abc import Iterator

from msgspec import Struct

from agentd.setup.edit import Entry, State
from agentd.setup.plan import plan_set_up
from agentd.setup.record import SetUp
from agentd.setup.refusal import CannotSetUp
from agentd.setup.target import Target


class Looked(Struct, frozen=True):
    """An entry of a file: `problem` is empty where nothing is amiss.

    `note` says why an entry was left to a person.
    """

    path: str
    entry: str
    problem: str = ""
    note: str = ""


def look(target: Target, record: SetUp | None) -> Iterator[Looked]:
    """Every entry, in place or not."""
    try:
        planned = plan_set_up(target, record)
    except CannotSetUp as error:
        yield Looked(str(target.files[0][0]), "settings", str(error))
        return
    for each in planned:
        for entry in each.entries:
            yield Looked(str(each.change.path), entry.name, *_judge(entry))
    if record is not None and not runs(record):
        yield Looked(record.program, "program", "it is not there: set up again with one that is")


def runs(record: SetUp) -> bool:
    """Whether the agentd that was put into the settings is still there."""
    return os.access(record.program, os.X_OK)


def _judge(entry: Entry) -> tuple[str, str]:
    """The problem, and the note."""
    if entry.state is State.ADDED:
        return "it is not there", ""
    if entry.state is State.CHANGED:
        return f"it is another one: {entry.note}", ""
    return "", entry.note
