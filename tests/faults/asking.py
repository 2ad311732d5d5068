"""How a client asks: it writes everything down, and goes on through every end of the daemon.

The rule this file keeps: it knows the wire protocol and nothing of agentd. A request is written
down before it is sent, again before it is repeated, and its answer once it was read.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from tests.daemon_process import Connection, Refused
from tests.faults.account import Account

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Object

RECONNECT_SECONDS = 0.01


class Unanswered(Exception):
    """The connection broke before the answer came, and the request was not repeated."""


class Asker:
    """One connection at a time, and the account of what was asked over all of them."""

    def __init__(self, socket_path: Path, account: Path) -> None:
        self._socket_path = socket_path
        self._account = Account(account)
        self._connection = self._connected()

    def ask(self, method: str, params: Object, *, again: bool) -> Any:
        """The result. Raises `Refused`, or `Unanswered` unless it is to be asked again."""
        number = self._account.asks(method, params)
        while True:
            try:
                response = self._connection.request({"method": method, "params": params})
                break
            except (OSError, EOFError) as error:
                self._connection.close()
                self._connection = self._connected()
                if not again:
                    raise Unanswered from error
                self._account.repeats(number)
        self._account.was_answered(number, response)
        if "error" in response:
            raise Refused(response["error"])
        return response["result"]

    def _connected(self) -> Connection:
        while True:
            with contextlib.suppress(OSError):
                return Connection(self._socket_path)
            time.sleep(RECONNECT_SECONDS)
