"""The connections of a store: those that are idle, and those that somebody waits for.

The rule this file keeps: any thread may take one and give it back, and any may interrupt them all.
A pool of the driver's would wait for a server that is gone, and say nothing of it meanwhile.
"""

import threading
from collections.abc import Callable

import psycopg

from agentd.errors import DatabaseGone, DatabaseRefused
from agentd.store.postgres.driver_errors import raise_storage_errors
from agentd.store.postgres.session import Session

_SNAPSHOT = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", None)


class Connections:
    """All of one store's to `url`."""

    def __init__(self, url: str, connect_to: Callable[[str], Session]) -> None:
        """`connect_to` raises `DatabaseGone` and `DatabaseRefused`."""
        self.url = url
        self._connect_to = connect_to
        self._idle: list[Session] = []
        self._busy: set[Session] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    def connect_first(self) -> Session:
        """One of the first. Raises `DatabaseGone`, `DatabaseRefused`."""
        return self._connect_to(self.url)

    def connect(self) -> Session:
        """One more. Raises `DatabaseGone`: what the server refuses now may pass."""
        try:
            return self._connect_to(self.url)
        except DatabaseRefused as refused:
            told = f"{refused}; nothing of this request is recorded"
            raise DatabaseGone(told) from refused

    def occupy(self, session: Session) -> None:
        """Somebody waits for it from now on."""
        with self._lock:
            self._busy.add(session)

    def leave(self, session: Session) -> None:
        """Nobody waits for it, and it is not for everybody's use."""
        with self._lock:
            self._busy.discard(session)

    def take_snapshot(self) -> Session:
        """One in a snapshot. Of those that are idle some may be of a server that is gone."""
        while True:
            with self._lock:
                session = self._idle.pop() if self._idle else None
            is_new = session is None
            session = session or self.connect()
            self.occupy(session)
            try:
                with raise_storage_errors(session.connection):
                    session.run(_SNAPSHOT)
            except BaseException as error:
                self.drop(session)
                if is_new or not isinstance(error, DatabaseGone):
                    raise
            else:
                return session

    def give_back(self, session: Session) -> None:
        """What was asked may have failed, or have ended early: then the snapshot is still there."""
        try:
            session.connection.rollback()
        except psycopg.Error:
            self.drop(session)
        else:
            self.release(session)

    def release(self, session: Session) -> None:
        """Whoever comes next may have it."""
        with self._lock:
            self._busy.discard(session)
            if not self._is_closed:
                self._idle.append(session)
                return
        session.close()

    def drop(self, session: Session) -> None:
        """It is of no use any more."""
        self.leave(session)
        session.close()

    def interrupt(self) -> None:
        """End whatever is waited for, from another thread."""
        with self._lock:
            busy = list(self._busy)
        for session in busy:
            session.interrupt()

    def close(self, writer: Session | None) -> None:
        """Close all that nobody waits for, the writer's too; the others are interrupted."""
        with self._lock:
            self._is_closed = True
            unused, self._idle = self._idle, []
            if writer is not None and writer not in self._busy:
                unused.append(writer)
        self.interrupt()
        for session in unused:
            session.close()
