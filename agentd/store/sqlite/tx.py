"""The write transaction: what every noun does in it, as one class.

The rule these files keep (`tables`): what is written is what is read, at once.
"""

import apsw

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.store.sqlite.cache import Cache
from agentd.store.sqlite.mark import Mark
from agentd.store.sqlite.reader import SqliteReader
from agentd.store.sqlite.tables.gates import GateTx
from agentd.store.sqlite.tables.journal import JournalTx
from agentd.store.sqlite.tables.leases import LeaseTx
from agentd.store.sqlite.tables.limits import LimitTx
from agentd.store.sqlite.tables.locks import LockTx
from agentd.store.sqlite.tables.nodes import NodeTx
from agentd.store.sqlite.tables.queue import QueueTx
from agentd.store.sqlite.tables.requests import RequestTx
from agentd.store.sqlite.tables.tasks import TaskTx
from agentd.store.sqlite.tables.usage import UsageTx


class SqliteTx(
    QueueTx,
    JournalTx,
    NodeTx,
    TaskTx,
    LeaseTx,
    LimitTx,
    GateTx,
    LockTx,
    RequestTx,
    UsageTx,
    SqliteReader,
):
    """One transaction on the write connection; `SqliteStore.write` begins and ends it."""

    def __init__(self, connection: apsw.Connection, cache: Cache) -> None:
        super().__init__(connection, cursor=cache.cursor)
        cache.drop_if_stale()
        self._cache = cache
        self._tails = cache.tails
        self._rows = cache.rows
        self._heads = cache.heads
        self._executemany = connection.executemany
        self._changed = cache.changed
        self._appended: list[Recorded] = []
        self._answered: dict[str, Answered] = {}
        self.last: Mark | None = None
        if cache.last_seq is None:
            cache.last_seq = SqliteReader.last_seq(self)
        self._committed = cache.last_seq

    def flush(self) -> None:
        """Write what waits for the end of the transaction."""
        self._write_journal()
        self._write_all_rows()
        self._write_answered()
