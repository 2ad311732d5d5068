"""`agentd database grant-sql ROLE`: the SQL that lets a role be a daemon's, and no more."""

import argparse

from agentd.cli.database.on_server import database_server
from agentd.cli.printing import print_data


def run(options: argparse.Namespace) -> int:
    """Print statements for the schema's owner; the server is not asked. Raises `Failure`."""
    server = database_server("grant-sql", "it has no roles, and is for its user alone")
    from agentd.store.postgres.grants import grants

    statements = list(grants(options.role, server.get("dbname")))
    if options.json:
        print_data({"role": options.role, "statements": statements})
    else:
        print("\n".join(statements))
    return 0
