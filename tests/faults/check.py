"""`replay --check` without its process: what it finds beside a running daemon.

The rule this file keeps: it is the product's own check, not an oracle; a test asks both.
"""

from contextlib import closing
from pathlib import Path

from agentd import replay
from agentd.store.sqlite import SqliteStore


def differences(database: Path) -> list[str]:
    """A line for everything that is not as the journal or the rules say."""
    with closing(SqliteStore.open_read_only(database)) as store:
        return [str(each) for each in replay.check(store, lambda _seq: None)]
