"""What a method and a command are.

The rule this file keeps: a command has load, decide and a view; a query has query, and `unready`
where it has an answer even when the database does not. A command's answer is a view of records of
the journal, so that it can be given again.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from agentd.api import Params
from agentd.decide import Context
from agentd.errors import StorageError
from agentd.journal import Recorded
from agentd.status_stream import TaskStatusStream
from agentd.store import Reader

_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Command(NamedTuple):
    """A method that may write.

    `view` shows the record that answers it; without one it is null. Where `show` stands in its
    place, it shows all that was recorded, be it nothing, to who sent these params.

    `unchanged` shows, where there is something else to say, that nothing was recorded because it
    was so already; it is given the earlier record that tells of it, if there is one.

    `first` are the commands, with their params, that the same transaction carries out before it:
    none of them writes where one is going to be refused. `more` are those behind it, in the light
    of what has been recorded so far. `worth_waiting` says, where nothing was found,
    whether those who are willing to wait may get something later.

    `prepare` reads beforehand, beside the writer, what will never change, and gives the command
    that goes on from there: for one whose work may be much whatever its params are.
    """

    load: Callable[[Reader, Any, Context], Any]
    decide: Callable[[Any, Any, Context], list[Any]]
    view: Callable[[Reader, Recorded, Context], Any] | None = None
    unchanged: Callable[[Reader, Recorded | None, Context], Any] | None = None
    show: Callable[[Reader, Sequence[Recorded], Any, Context], Any] | None = None
    more: (
        Callable[[Reader, Any, Context, Sequence[Recorded]], Iterator[tuple["Command", Any]]] | None
    ) = None
    first: Callable[[Reader, Any, Context], Iterator[tuple["Command", Any]]] | None = None
    worth_waiting: Callable[[Reader, Any], bool] | None = None
    prepare: Callable[[Reader, Any, Context], "Command"] | None = None


class Method(NamedTuple):
    """A method of the interface; its summary is the docstring of its params.

    A command `grows` where its work does with the objects in its params, each of which may be a
    node. A query is `brief` where its answer is small whatever the database holds; `stream` makes
    the answer where that may be of any size. `more_aliases` are those besides its name in
    snake_case.
    """

    name: str
    params: type[Params]
    result: Any
    command: Command | None = None
    query: Callable[[Reader, Any, Context], Any] | None = None
    unready: Callable[[StorageError, Context], Any] | None = None
    grows: bool = False
    brief: bool = False
    stream: type[TaskStatusStream] | None = None
    more_aliases: tuple[str, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other names that the method answers to."""
        return (_INNER_CAPITAL.sub("_", self.name).lower(), *self.more_aliases)

    @property
    def summary(self) -> str:
        """One sentence of help."""
        return (self.params.__doc__ or "").strip()
