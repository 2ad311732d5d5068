"""One request at a time to a store behind a bad network, and what is said of it held against truth.

The rule this file keeps: what was said is judged twice, at once and in the end: what was called not
recorded must not come later either.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.pq import Trace

from agentd.errors import DatabaseGone, OutcomeUnknown, StorageError
from agentd.store.postgres import PostgresStore
from agentd.transact import run_batch
from tests.core import Ids, command, context, to_params, uid
from tests.faults.proxy_link import Direction

if TYPE_CHECKING:
    from tests.faults.proxy import Proxy

_TRACED = re.compile(r"^([FB])\t(\d+)\t", re.MULTILINE)
_DIRECTIONS = {"F": Direction.TO_SERVER, "B": Direction.TO_CLIENT}


class Place(NamedTuple):
    """So many bytes into a transaction, in one direction."""

    direction: Direction
    after: int


class Losses:
    """A store of this kind behind the proxy, and one beside it that sees what is so."""

    def __init__(self, proxy: Proxy, url: str, make: type[PostgresStore], patience: float) -> None:
        self._proxy = proxy
        self._store = make(proxy.url(url), self._note_moment, patience)
        self._beside = PostgresStore.open(url)
        self._now = 0
        self._goals = 0
        self._new_id = Ids()
        self._said: dict[str, str] = {}
        """By goal, the last that was said of its request."""
        self.counted: Counter[str] = Counter()
        """What was said, and how often."""

    @property
    def store(self) -> PostgresStore:
        """Where the requests go."""
        return self._store

    def places(self) -> list[Place]:
        """Where the messages of such a transaction end, over a connection that has done one."""
        self.ask()
        writer = self._store._writing.session  # noqa: SLF001 - nobody else has the connection
        assert writer is not None
        with tempfile.TemporaryFile("w+b") as file:
            connection = writer.connection.pgconn
            connection.trace(file.fileno())
            connection.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
            self.ask()
            connection.untrace()
            file.seek(0)
            text = file.read().decode(errors="replace")
        found: list[Place] = []
        sums = dict.fromkeys(Direction, 0)
        for which, size in _TRACED.findall(text):
            direction = _DIRECTIONS[which]
            sums[direction] += int(size) + 1  # its kind is not counted
            found.append(Place(direction, sums[direction]))
        return found

    def ask(self) -> str:
        """Register a task, and return what was said of that: recorded, gone, or unknown."""
        self._goals += 1
        goal = f"goal {self._goals}"
        said = self._said[goal] = self._asked(goal)
        self.counted[said] += 1
        return said

    def ask_again(self) -> None:
        """Repeat the last request, now that the network is calm, until it is answered."""
        goal = f"goal {self._goals}"
        while (said := self._asked(goal)) != "recorded":
            assert said == "gone", said
        self._said[goal] = said

    def wrong(self) -> list[str]:
        """Where what was said is not what is so."""
        with self._beside.read() as reader:
            records = reader.records_of_kinds(0, reader.last_seq(), None, ["TaskRegistered"])
            there: Counter[Any] = Counter(getattr(each.event, "goal", None) for each in records)
        lies = []
        for goal, said in self._said.items():
            allowed = {"recorded": (1,), "gone": (0,), "unknown": (0, 1)}[said]
            if there[goal] not in allowed:
                lies.append(f"{goal!r} is called {said}, and is there {there[goal]} times")
        return lies

    def break_connection(self) -> None:
        """Of the store, from another thread, as the system does that hears nothing for too long."""
        writer = self._store._writing.session  # noqa: SLF001 - nobody else has the connection
        assert writer is not None
        writer.interrupt()

    def close(self) -> None:
        """Release both."""
        self._store.close()
        self._beside.close()

    def _asked(self, goal: str) -> str:
        number = int(goal.split()[1])
        params = {"goal": goal, "initial_nodes": [{}], "request_id": uid(number)}
        call = command("RegisterTask", to_params("RegisterTask", params))
        faults: list[BaseException] = []
        [outcome] = run_batch(self._store, [call], self._context, faults.append)
        assert faults == []
        match outcome.refusal:
            case None:
                return "recorded"
            case DatabaseGone():
                return "gone"
            case OutcomeUnknown():
                return "unknown"
            case StorageError() as error:
                raise error
        raise AssertionError(outcome.refusal)

    def _note_moment(self, moment: int) -> None:
        self._now = moment

    def _context(self) -> Any:
        return context(now=self._now, new_id=self._new_id)
