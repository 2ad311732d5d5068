"""What a method and a command are.

The rule this file keeps: a command has load, decide and view; a query has query, and `unready`
where it has an answer even when the database does not. A command's answer is a view of one record
of the journal, so that it can be given again.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from agentd.api import Params
from agentd.decide import Context
from agentd.errors import StorageError
from agentd.journal import Recorded
from agentd.status_stream import TaskStatusStream
from agentd.store import Reader

_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class Command(NamedTuple):
    """A method that may write. `view` shows the record that answers it; without one it is null.

    `unchanged` shows, where there is something else to say, that nothing was recorded because it
    was so already; it is given the earlier record that tells of it, if there is one.
    """

    load: Callable[[Reader, Any, Context], Any]
    decide: Callable[[Any, Any, Context], list[Any]]
    view: Callable[[Reader, Recorded, Context], Any]
    unchanged: Callable[[Reader, Recorded | None, Context], Any] | None = None


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
