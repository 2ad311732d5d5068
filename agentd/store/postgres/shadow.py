"""Projections folded here, in SQLite's temporary files, beside the real ones on the server.

The rule this file keeps: a fold asks for rows all the time, and costs the server nothing but the
reading of its journal. The real rows change in one transaction, under the lock of those who write;
they wait meanwhile, so only those are written that are not as they should be.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from msgspec import Struct

from agentd.projections import PROJECTIONS, Key, Projection
from agentd.store.postgres.reader import PostgresReader
from agentd.store.postgres.session import Session
from agentd.store.postgres.writes import Write, put_rows, remove_rows, together
from agentd.store.postgres.writing import LINE
from agentd.store.sqlite.shadow import FoldingPlace, SqliteShadow

_LOCK = "SELECT 1 FROM journal_end FOR UPDATE"
_END_WITH_US = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
"""Nobody waits for ever because this process was stopped while it held the lock."""

_ROWS = 5_000
"""Rows that are written by a statement."""


class PostgresShadow(SqliteShadow):
    """See `Shadow`. `connection` is SQLite's, for the folding, and `session` the server's."""

    def __init__(self, connection: FoldingPlace, session: Session) -> None:
        super().__init__(connection)
        self._session = session
        self._real = PostgresReader(session)

    def hold(self) -> PostgresReader:
        """See `Shadow.hold`: whoever writes, writes under this lock."""
        self._session.run(("BEGIN", None), (_END_WITH_US, None), LINE, (_LOCK, None))
        return self._real

    def swap(self) -> None:
        """See `Shadow.swap`."""
        for projection in PROJECTIONS:
            name = projection.name
            changes = _changes(projection, self.rows(projection), self._real.rows(projection))
            while some := list(islice(changes, _ROWS)):
                put = [row for _, row in some if row is not None]
                gone = [key for key, row in some if row is None]
                if put:
                    self._write(put_rows(name, put))
                if gone:
                    self._write(remove_rows(name, gone))
        more = "UPDATE journal_end SET folds = folds + 1 WHERE folds >= 0"
        self._session.run((more, None), ("COMMIT", None))

    def _write(self, write: Write) -> None:
        self._session.run(together([write], None))


def _changes(
    projection: Projection, folded: Iterator[Struct], real: Iterator[Struct]
) -> Iterator[tuple[Key, Struct | None]]:
    """The rows to write, None for one to remove: both are walked in the order of their keys."""
    key_of: Callable[[Any], Key] = projection.key_of
    wanted, found = next(folded, None), next(real, None)
    while wanted is not None or found is not None:
        if found is None or (wanted is not None and key_of(wanted) < key_of(found)):
            yield key_of(wanted), wanted
            wanted = next(folded, None)
        elif wanted is None or key_of(found) < key_of(wanted):
            yield key_of(found), None
            found = next(real, None)
        else:
            if wanted != found:
                yield key_of(wanted), wanted
            wanted, found = next(folded, None), next(real, None)
