"""Hears over LISTEN that others have recorded something, and reads it.

The rules this file keeps: what tells is a notification without any content, and what it tells of is
read from the journal. Notifications of this daemon's own writer are none.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable, Collection
from typing import Any

from psycopg import pq

from agentd.errors import DatabaseGone, JournalDamaged
from agentd.journal import Recorded, decode
from agentd.store.postgres.connecting import APPLICATION, connect
from agentd.store.postgres.driver_errors import raise_storage_errors
from agentd.store.postgres.session import Session
from agentd.store.postgres.writes import CHANNEL
from agentd.store.protocols.following import Piece
from agentd.store.protocols.journal import LARGEST_SEQ as _NO_END

PIECE = 256
"""Records that are read at a time, so that the event loop is never busy with them for long."""

PIECE_BYTES = 1024 * 1024
"""With so many bytes a piece is full; the last of its records may be larger."""

_COLUMNS = "seq, event_id, task_id, version, node_id, kind, schema, at, data"
_READ = (
    f"SELECT {_COLUMNS} FROM (SELECT {_COLUMNS}, "
    "sum(octet_length(data)) OVER (ORDER BY seq) - octet_length(data) AS before_it FROM "
    f"(SELECT {_COLUMNS} FROM journal WHERE seq > $1 AND seq < $2 ORDER BY seq LIMIT {PIECE}) "
    f"AS few) AS counted WHERE before_it < {PIECE_BYTES} ORDER BY seq"
)
_LAST = "SELECT seq FROM journal_end"
_NO_HASH = b""


class Listening:
    """See `Follower`. `is_own` knows the process ids of sessions whose notifications are none."""

    def __init__(self, url: str, is_own: Callable[[int], bool]) -> None:
        self._url = url
        self._is_own = is_own
        self._session: Session | None = None
        self._was_told = False
        self._at_pipe = threading.Lock()
        self._is_closed = False
        self._waking, self._wakes = os.pipe()
        os.set_blocking(self._waking, False)
        os.set_blocking(self._wakes, False)

    def open(self) -> None:
        """See `Follower.open`."""
        self.hang_up()
        self._was_told = False
        self._session = session = connect(self._url, application_name=f"{APPLICATION} (listening)")
        session.connection.add_notify_handler(lambda told: self._note(told.pid))

    def listen(self, *, on: bool) -> None:
        """See `Follower.listen`."""
        self._ask(f"LISTEN {CHANNEL}" if on else f"UNLISTEN {CHANNEL}")

    def wait(self, seconds: float) -> bool:
        """See `Follower.wait`."""
        connection = self._require_session().connection
        with raise_storage_errors(connection):
            self._take_notifications(connection.pgconn)  # some may have come before an answer
            if not self._was_told:
                _wait_for(connection.fileno(), self._waking, seconds)
                with contextlib.suppress(BlockingIOError):
                    os.read(self._waking, 4_096)
                self._take_notifications(connection.pgconn)
        was_told, self._was_told = self._was_told, False
        return was_told

    def read(self, after: int, before: int | None, known: Collection[int]) -> Piece:
        """See `Follower.read`."""
        rows = self._ask(_READ, (after, _NO_END if before is None else before))
        found = [_decode_row(row) for row in rows if row[0] not in known]
        is_full = len(rows) == PIECE or sum(len(row[8]) for row in rows) >= PIECE_BYTES
        end = rows[-1][0] if rows else min(after, self._ask(_LAST)[0][0])
        if before is not None and end >= after and not is_full:
            end = before - 1  # where nobody recorded anything, nobody will
        return Piece([each for each in found if each is not None], end, more=is_full)

    def wake(self) -> None:
        """See `Follower.wake`: once the pipe is closed, its number may be another file's."""
        with self._at_pipe, contextlib.suppress(BlockingIOError):
            if not self._is_closed:
                os.write(self._wakes, b"w")

    def interrupt(self) -> None:
        """See `Follower.interrupt`."""
        if (session := self._session) is not None:
            session.interrupt()

    def hang_up(self) -> None:
        """Leave the connection: a new one may be made."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def close(self) -> None:
        """See `Follower.close`."""
        self.hang_up()
        with self._at_pipe:
            self._is_closed = True
            os.close(self._waking)
            os.close(self._wakes)

    def _ask(self, sql: str, bindings: tuple[object, ...] | None = None) -> list[Any]:
        session = self._require_session()
        with raise_storage_errors(session.connection):
            return session.run((sql, bindings))

    def _require_session(self) -> Session:
        if self._session is None:
            raise DatabaseGone
        return self._session

    def _take_notifications(self, connection: pq.abc.PGconn) -> None:
        connection.consume_input()
        while (told := connection.notifies()) is not None:
            self._note(told.be_pid)

    def _note(self, pid: int) -> None:
        if not self._is_own(pid):
            self._was_told = True


def _wait_for(one: int, other: int, seconds: float) -> None:
    """Wait until there is something to read; numbers of files may be larger than `select` takes."""
    either = select.poll()
    for file in (one, other):
        either.register(file, select.POLLIN)
    either.poll(seconds * 1_000)


def _decode_row(row: tuple[Any, ...]) -> Recorded | None:
    """The record; None where this agentd cannot read it, as it may be of a newer one."""
    try:
        return Recorded(*(*row, None, _NO_HASH, decode(row[5], row[6], row[8])))
    except JournalDamaged:
        return None
