"""Write transactions on a server: how one begins, what it remembers, and how it ends.

The rules this file keeps: who writes has the sequencing lock, the row of `journal_end`, from the
beginning of the transaction to its end. So decisions of all daemons are made one after the other,
on rows that nobody else changes, and the order of commits is the order of `seq`: whoever has read
up to a place has read all that is before it. And nothing is said of a commit whose answer was lost
before it was looked for.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from agentd.errors import DatabaseGone, OutcomeUnknown, StorageError
from agentd.journal import Recorded
from agentd.store.postgres.changes import SLOTS, Version, take_changes
from agentd.store.postgres.connecting import hold_briefly
from agentd.store.postgres.connections import Connections
from agentd.store.postgres.driver_errors import (
    first_line,
    raise_storage_errors,
    to_storage_error,
    was_undone,
)
from agentd.store.postgres.session import NOW, Session
from agentd.store.postgres.tx import End, PostgresTx
from agentd.store.sql.cache import Cache

_BEGIN = ("BEGIN", None)
# Those who wait for the row itself overtake each other: the slowest of eight waits three times as
# long (benchmarks/README.md, sequencing). So they stand in line before it.
LINE = ("SELECT pg_advisory_xact_lock(1634166116, 1)", None)
# The clock is read once the lock is had, so it is outside of the question that waits for that.
_LOCK_SQL = (
    "WITH last AS MATERIALIZED (SELECT seq, at, slots, folds, schema FROM journal_end FOR UPDATE) "
    f"SELECT seq, at, slots, folds, schema, {NOW} FROM last"
)
_LOCK = (_LOCK_SQL, None)
_CHANGES = (
    "SELECT place, after, seq, piece FROM changes WHERE slot = ANY ($1) AND place > $2 "
    "ORDER BY place"
)
_EVENT = "SELECT event_id FROM journal WHERE seq = $1"

PATIENCE_SECONDS = 10.0
"""How long an answer that was lost is looked for."""

_PAUSE_SECONDS = 0.1

_ALONE_AFTER = 64
"""Transactions after which nobody is told any more what changed, if nobody else wrote meanwhile."""


_NEAR = 16
"""Slots that are asked for together with the lock, while there is company."""


def _changes_after(place: int, most: int) -> tuple[str, tuple[list[int], int]]:
    slots = [each % SLOTS for each in range(place + 1, place + most + 1)]
    return _CHANGES, (slots, place)


class Writing:
    """The session that writes, and what is remembered of the rows: one thread's at a time.

    `on_moment` is told what the server's clock says, in Unix milliseconds and not before the
    journal's last moment, while the lock is held.
    """

    def __init__(
        self, connections: Connections, on_moment: Callable[[int], None], patience: float
    ) -> None:
        """`patience`: for how many seconds an answer that was lost is looked for."""
        self.session: Session | None = None
        self._connections = connections
        self._on_moment = on_moment
        self._patience = patience
        self._cache: Cache | None = None
        self._since_others = _ALONE_AFTER  # transactions since another daemon wrote
        self._interrupted = threading.Event()

    @contextmanager
    def transaction(self) -> Iterator[PostgresTx]:
        """See `Store.write`. Raises `DatabaseGone`, `OutcomeUnknown`, `Conflict`."""
        self._interrupted.clear()
        session = self._writing_session()
        try:
            with raise_storage_errors(session.connection):
                tx = self._begin(session)
                yield tx
                tx.flush()
                ending = tx.ending()
        except BaseException:
            self._undo(session)
            raise
        self._commit(session, tx, ending)

    def interrupt(self) -> None:
        """What looks for an answer that was lost looks no longer."""
        self._interrupted.set()

    def serves(self, pid: int) -> bool:
        """Whether that is the server's process for the session that writes."""
        writer = self.session
        return writer is not None and pid == writer.connection.info.backend_pid

    def _writing_session(self) -> Session:
        if self.session is None:
            session = self.session = self._connections.connect()
            self._cache = Cache(session)
            try:
                with raise_storage_errors(session.connection):
                    hold_briefly(session)
            except StorageError:
                self._forget_writer()
                raise
        self._connections.occupy(self.session)
        return self.session

    def _begin(self, session: Session) -> PostgresTx:
        assert self._cache is not None  # noqa: S101 - it comes with the session
        known: Version | None = self._cache.version
        changes = []
        if known is not None and self._since_others < _ALONE_AFTER:
            changes.append(_changes_after(known.slots, _NEAR))
        _, _, [locked], *near = session.run_all(_BEGIN, LINE, _LOCK, *changes)
        end = End(*locked)
        end.refuse()
        self._on_moment(max(end.now, end.at))
        self._since_others += 1
        if known != end.version:
            if known is not None and (known.folds != end.folds or end.seq < known.seq):
                self._cache.clear()  # what never changes may have been wrong, or is gone
            elif known is None or not self._catch_up(session, known, end.version, near):
                self._cache.keep_what_never_changes()
            if known is not None:
                self._since_others = 0
        has_company = self._since_others < _ALONE_AFTER
        return PostgresTx(session, self._cache, end, has_company=has_company)

    def _catch_up(
        self, session: Session, known: Version, end: Version, near: list[list[Any]]
    ) -> bool:
        """Take what others changed into memory; False where that cannot be had.

        `near` are the next slots, where they were asked for.
        """
        assert self._cache is not None  # noqa: S101 - it comes with the session
        filled = end.slots - known.slots
        if not 0 < filled <= SLOTS:
            return False
        if near and filled <= _NEAR:
            [found] = near
        else:
            found = session.run(_changes_after(known.slots, filled))
        return take_changes(self._cache, known, end, found)

    def _undo(self, session: Session) -> None:
        """What was written is not recorded: at the latest when the server sees that we are gone."""
        if self._cache is not None:
            self._cache.clear()
            self._cache.version = None
        try:
            session.connection.rollback()
        except psycopg.Error:
            self._forget_writer()
        else:
            self._connections.leave(session)

    def _commit(self, session: Session, tx: PostgresTx, ending: list[tuple[str, Any]]) -> None:
        try:
            session.run(*ending)
        except psycopg.Error as error:
            self._undo(session)
            if was_undone(error):
                raise to_storage_error(error, is_broken=False) from error
            self._resolve(tx.last, error)
        else:
            assert self._cache is not None  # noqa: S101 - as above
            self._cache.version = tx.version
            self._cache.drop_if_too_large()
            self._connections.leave(session)

    def _resolve(self, last: Recorded | None, error: psycopg.Error) -> None:
        """Find out what became of a commit whose answer was lost: return only if it was made."""
        told = first_line(error)
        if last is None:  # nothing was recorded that a repeat would not find to be so
            raise DatabaseGone(
                f"the database server cannot be reached: {told}; nothing of this request is "
                "recorded"
            ) from error
        deadline = time.monotonic() + self._patience
        while True:
            try:
                if self._has(last):
                    return
            except StorageError as failure:
                if time.monotonic() >= deadline or self._interrupted.is_set():
                    raise OutcomeUnknown(
                        f"the database server was lost during a commit: {told}; whether this "
                        "request is recorded is unknown: repeat it"
                    ) from failure
            else:
                raise DatabaseGone(
                    f"the database server was lost: {told}; nothing of this request is recorded"
                ) from error
            self._interrupted.wait(_PAUSE_SECONDS * (1 + random.random()))  # noqa: S311 - a pause

    def _has(self, last: Recorded) -> bool:
        """Whether the journal has this record: asked under the lock, so it is decided by now."""
        session = self._writing_session()
        try:
            with raise_storage_errors(session.connection):
                session.run(_BEGIN, LINE, _LOCK)
                found = session.run((_EVENT, (last.seq,)))
                session.run(("COMMIT", None))
        except BaseException:
            self._undo(session)
            raise
        self._connections.leave(session)
        return bool(found and found[0][0] == last.event_id)

    def _forget_writer(self) -> None:
        session, self.session, self._cache = self.session, None, None
        if session is not None:
            self._connections.drop(session)
