"""`agentd database init`: agentd's schema, in a database that has none yet."""

import argparse

from agentd.cli.database.on_server import database_server
from agentd.cli.database.schema_change import apply_missing


def run(options: argparse.Namespace) -> int:
    """Make the schema where there is none. Raises `Failure`, `StorageError`."""
    server = database_server("init", "the first `agentd serve` makes it")
    return apply_missing(server, expects_one=False, as_json=options.json)
