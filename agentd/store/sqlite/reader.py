"""All questions of `store.Reader`, asked of SQLite."""

from agentd.store.sql.reader import SqlReader
from agentd.store.sqlite.migrate import LATEST


class SqliteReader(SqlReader):
    """One connection's view; consistent while a transaction is open on it."""

    def schema(self) -> tuple[int, int]:
        """See `Reader.schema`."""
        return self._execute("PRAGMA user_version").get, LATEST
