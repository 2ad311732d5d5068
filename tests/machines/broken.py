"""Stores that are broken on purpose, in the ways in which ours must not be.

The rule this file keeps: each lacks one thing. What lets it pass tests nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agentd.store.postgres import PostgresStore
from agentd.store.postgres.connecting import connect
from agentd.store.postgres.tx import End, PostgresTx
from agentd.store.postgres.writing import PATIENCE_SECONDS, Writing

if TYPE_CHECKING:
    from agentd.store.postgres.session import Session

_END = (
    "SELECT {seq}, at, slots, folds, schema, "
    "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) "
    "FROM journal_end"
)
_DRAWN = "nextval('drawn')"
_BLOCK = 1_000
"""Places that a transaction draws at once: more than it needs."""


class _Beginning(Writing):
    """It begins with these statements; the last gives what `End` is made of."""

    def begin_with(self, ends: tuple[str, ...]) -> None:
        self._ends = ends

    def _begin(self, session: Session) -> PostgresTx:
        session.run(("BEGIN", None))
        for sql in self._ends:
            found = session.run((sql, None))
        end = End(*found[0])
        assert self._cache is not None
        self._cache.keep_what_never_changes()
        self._on_moment(max(end.now, end.at))
        return PostgresTx(session, self._cache, end, has_company=False)


class _Broken(PostgresStore):
    """`ends` are the statements of the beginning."""

    ends: tuple[str, ...]
    damage = ""
    """What is done to the schema."""

    def __init__(self, url: str, *more: Any) -> None:
        super().__init__(url, *more)
        self._writing = writing = _Beginning(self._connections, self._on_moment, PATIENCE_SECONDS)
        writing.begin_with(self.ends)

    @classmethod
    def break_schema(cls, url: str) -> None:
        """Leave in the database what this store would have made of it."""
        session = connect(url)
        session.connection.execute(cls.damage.encode())
        session.close()


class Lockless(_Broken):
    """Nothing keeps two from deciding at once, and nothing from writing what both decided."""

    ends = (_END.format(seq="seq"),)
    damage = "ALTER TABLE journal DROP CONSTRAINT journal_pkey; DROP INDEX journal_version"


class DrawnWithoutLock(_Broken):
    """The version of a stream is checked, but not what a decision has read of other streams."""

    ends = (_END.format(seq=_DRAWN),)
    damage = f"CREATE SEQUENCE drawn INCREMENT {_BLOCK}"


class DrawnBeforeLock(_Broken):
    """Decisions are made one after the other, but their places were drawn in another order."""

    ends = (
        f"CREATE TEMP TABLE place ON COMMIT DROP AS SELECT {_DRAWN} AS seq",
        _END.format(seq="(SELECT seq FROM place)") + " FOR UPDATE",
    )
    damage = DrawnWithoutLock.damage


STORES: dict[str, type[PostgresStore]] = {
    each.__name__: each for each in (PostgresStore, Lockless, DrawnWithoutLock, DrawnBeforeLock)
}
"""By their names, the one that works and those that do not."""
