"""Requests that were answered, for safe repeats."""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain

from agentd.answers import KEPT_MS, Answered
from agentd.store.sql.tables.rows import RowReader, RowTx

COLUMNS = ", ".join(Answered.__struct_fields__)
_ANSWERED = f"SELECT {COLUMNS} FROM requests WHERE request_id = ?"
_ALL_ANSWERED = f"SELECT {COLUMNS} FROM requests ORDER BY number"
# Two for every new one, so that forgetting keeps up and no commit pays for a day of requests. What
# lies far ahead was remembered under a clock that was wrong.
FORGET = (
    "DELETE FROM requests WHERE number IN (SELECT number FROM "
    "(SELECT number, at FROM requests ORDER BY number LIMIT ?1) AS oldest "
    "WHERE at NOT BETWEEN ?2 AND ?3)"
)


class RequestReader(RowReader):
    """See `protocols.requests`."""

    def answered_request(self, request_id: str) -> Answered | None:
        """See `Reader.answered_request`."""
        rows = self._all(_ANSWERED, (request_id,))
        return Answered(*rows[0]) if rows else None

    def answered_requests(self) -> Iterator[Answered]:
        """See `Reader.answered_requests`."""
        return (Answered(*row) for row in self._walk(_ALL_ANSWERED))


class RequestTx(RowTx, RequestReader):
    """Answered requests in a write transaction. `SqlTx` makes what is declared here."""

    _answered: dict[str, Answered]  # those that are not written yet

    def answered_request(self, request_id: str) -> Answered | None:
        """See `Reader.answered_request`."""
        return self._answered.get(request_id) or super().answered_request(request_id)

    def answered_requests(self) -> Iterator[Answered]:
        """See `Reader.answered_requests`."""
        return chain(super().answered_requests(), self._answered.values())

    def remember(self, answered: Answered) -> None:
        """See `Tx.remember`."""
        self._answered[answered.request_id] = answered

    def _to_forget(self) -> tuple[int, int, int]:
        """What is bound in `FORGET`, once those are written that are not written yet."""
        now = max(answered.at for answered in self._answered.values())
        return 2 * len(self._answered), now - KEPT_MS, now + KEPT_MS

    @abstractmethod
    def _write_answered(self) -> None:
        """Write those that are not written yet, and forget some (`FORGET`)."""
