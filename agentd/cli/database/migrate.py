"""`agentd database migrate`: an older schema becomes the one that this agentd works with."""

import argparse

from agentd.cli.database.on_server import database_server
from agentd.cli.database.schema_change import apply_missing


def run(options: argparse.Namespace) -> int:
    """Apply the migrations that are missing. Raises `Failure`, `StorageError`."""
    server = database_server("migrate", "`agentd serve` migrates it, with a copy beside it")
    return apply_missing(server, expects_one=True, as_json=options.json)
