"""What the daemon asks the database for itself, between requests.

The rule this file keeps: a store in a file is asked at once, on the event loop's thread; one whose
answer may take long is asked on a thread of its own, one question after the other, and what came of
it is told on the loop.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from agentd.daemon.database_server import DatabaseServer
from agentd.daemon.own_thread import OwnThread
from agentd.daemon.writer import log_fault
from agentd.errors import DatabaseGone, StorageError
from agentd.store import Reader, ServedStore, Store

_Found = TypeVar("_Found")


class Looks(Protocol):
    """Whom to ask."""

    @property
    def is_shared(self) -> bool:
        """Whether others write to the database, of whom only a look tells."""

    def ask(
        self,
        question: Callable[[Reader], _Found],
        then: Callable[[_Found], None],
        failed: Callable[[StorageError], None],
    ) -> None:
        """Ask, and do `then` with what was found, or `failed` with why it was not."""

    def close(self) -> None:
        """Nobody asks any more."""


class LocalLooks:
    """Asks at once."""

    is_shared = False

    def __init__(self, store: Store) -> None:
        self._store = store

    def ask(
        self,
        question: Callable[[Reader], _Found],
        then: Callable[[_Found], None],
        failed: Callable[[StorageError], None],
    ) -> None:
        """See `Looks.ask`."""
        try:
            with self._store.read() as reader:
                found = question(reader)
        except StorageError as error:
            failed(error)
        else:
            then(found)

    def close(self) -> None:
        """See `Looks.close`."""


class RemoteLooks:
    """Asks a server, and notes whether it answers. One that hangs too long is interrupted."""

    is_shared = True

    def __init__(self, store: ServedStore, server: DatabaseServer) -> None:
        self._store = store
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._thread = OwnThread("looks")

    def ask(
        self,
        question: Callable[[Reader], _Found],
        then: Callable[[_Found], None],
        failed: Callable[[StorageError], None],
    ) -> None:
        """See `Looks.ask`."""
        began = self._server.seconds()
        alarm = self._loop.call_later(self._server.wait_secs, self._store.interrupt)

        def tell(found: _Found | StorageError) -> None:
            alarm.cancel()
            if isinstance(found, StorageError):
                if isinstance(found, DatabaseGone):
                    self._server.note_gone(found)
                failed(found)
            else:
                self._server.note_answer(began)
                then(found)

        self._thread.do(partial(self._look, question), tell)

    def close(self) -> None:
        """See `Looks.close`: the store was interrupted, where it has to be."""
        self._thread.end(0)

    def _look(self, question: Callable[[Reader], _Found]) -> _Found | StorageError:
        try:
            with self._store.read() as reader:
                return question(reader)
        except StorageError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the thread has to live
            log_fault(error)
            return StorageError()
