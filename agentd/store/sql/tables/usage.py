"""What was used, by scope."""

from agentd.projections import USAGE, UsageRow
from agentd.store.sql.statements import columns
from agentd.store.sql.tables.rows import RowReader, RowTx

_USAGE = f"SELECT {columns(USAGE)} FROM usage WHERE scope = ? ORDER BY unit"


class UsageReader(RowReader):
    """See `protocols.usage`."""

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        return [UsageRow(*row) for row in self._all(_USAGE, (scope,))]


class UsageTx(RowTx, UsageReader):
    """Usage in a write transaction."""

    def usage(self, scope: str) -> list[UsageRow]:
        """See `Reader.usage`."""
        self._write_rows(USAGE.name)
        return super().usage(scope)
