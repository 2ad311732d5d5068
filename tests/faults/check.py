"""`replay --check` without its process: what it finds beside a running daemon.

The rule this file keeps: it is the product's own check, not an oracle; a test asks both.
"""

from contextlib import closing
from pathlib import Path

from agentd import replay
from agentd.store import Store
from agentd.store.sqlite import SqliteStore
from tests.faults.snapshot import Database


def open_to_look(database: Database) -> Store:
    """A store that a check reads."""
    if isinstance(database, Path):
        return SqliteStore.open_read_only(database)
    from agentd.store.postgres import PostgresStore  # only where there is a server

    return PostgresStore.open_existing(database)


def differences(database: Database) -> list[str]:
    """A line for everything that is not as the journal or the rules say."""
    with closing(open_to_look(database)) as store:
        return [str(each) for each in replay.check(store, lambda _seq: None)]
