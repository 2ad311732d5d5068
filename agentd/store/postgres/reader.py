"""All questions of `store.Reader`, asked of PostgreSQL."""

from collections.abc import Iterable
from typing import Any

from agentd.store.postgres.migrate import LATEST, schema_version
from agentd.store.postgres.session import Session
from agentd.store.sql.reader import SqlReader
from agentd.store.sql.statements import SERVER


class PostgresReader(SqlReader):
    """One session's view; consistent while a transaction is open on it."""

    def __init__(self, session: Session, cursor: Session | None = None) -> None:
        super().__init__(session, SERVER, cursor)
        self._session = session

    def schema(self) -> tuple[int, int]:
        """See `Reader.schema`."""
        return schema_version(self._session), LATEST

    def _walk(self, sql: str, bindings: tuple[object, ...] = ()) -> Iterable[Any]:
        return self._session.walk(sql, bindings)
