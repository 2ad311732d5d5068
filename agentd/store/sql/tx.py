"""The write transaction: what every noun does in it, as one class.

The rule these files keep (`tables`): what is written is what is read, at once.
"""

from agentd.answers import Answered
from agentd.journal import Recorded
from agentd.store.sql.cache import Cache
from agentd.store.sql.reader import SqlReader
from agentd.store.sql.session import Session
from agentd.store.sql.tables.gates import GateTx
from agentd.store.sql.tables.journal import JournalTx
from agentd.store.sql.tables.leases import LeaseTx
from agentd.store.sql.tables.limits import LimitTx
from agentd.store.sql.tables.locks import LockTx
from agentd.store.sql.tables.nodes import NodeTx
from agentd.store.sql.tables.queue import QueueTx
from agentd.store.sql.tables.requests import RequestTx
from agentd.store.sql.tables.tasks import TaskTx
from agentd.store.sql.tables.usage import UsageTx


class SqlTx(
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
    SqlReader,
):
    """One transaction on the write connection; the store begins and ends it.

    An engine says how rows, records and answered requests are written (`_write_…`).
    """

    def __init__(self, session: Session, cache: Cache) -> None:
        super().__init__(session, cursor=cache.cursor)
        self._cache = cache
        self._tails = cache.tails
        self._rows = cache.rows
        self._heads = cache.heads
        self._changed = cache.changed
        self._appended: list[Recorded] = []
        self._answered: dict[str, Answered] = {}
        self.last: Recorded | None = None
        if cache.last_seq is None:
            cache.last_seq = SqlReader.last_seq(self)
        self._committed = cache.last_seq

    def flush(self) -> None:
        """Write what waits for the end of the transaction."""
        self._write_journal()
        self._write_all_rows()
        self._write_answered()
