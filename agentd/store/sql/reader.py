"""All questions of `store.Reader` in SQL, as one class.

The rule these files keep (`tables`): every question is answered from an index; none costs more on a
database that has more in it, unless it asks for more.
"""

from agentd.store.memory.past import Past, PastLocks
from agentd.store.sql.tables.gates import GateReader
from agentd.store.sql.tables.journal import JournalReader
from agentd.store.sql.tables.leases import LeaseReader
from agentd.store.sql.tables.limits import LimitReader
from agentd.store.sql.tables.locks import LockReader
from agentd.store.sql.tables.nodes import NodeReader
from agentd.store.sql.tables.queue import QueueReader
from agentd.store.sql.tables.requests import RequestReader
from agentd.store.sql.tables.tasks import TaskReader
from agentd.store.sql.tables.usage import UsageReader


class SqlReader(
    JournalReader,
    TaskReader,
    NodeReader,
    QueueReader,
    LeaseReader,
    LimitReader,
    GateReader,
    LockReader,
    RequestReader,
    UsageReader,
):
    """One connection's view; consistent while a transaction is open on it."""

    def past(self, task_id: str, until: int) -> Past:
        """See `Reader.past`."""
        return Past(self, task_id, until)

    def past_locks(self, until: int) -> PastLocks:
        """See `Reader.past_locks`."""
        return PastLocks(self, until)
