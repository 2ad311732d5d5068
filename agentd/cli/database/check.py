"""`agentd database check`: what is so on the server, and what to do where it is not ok."""

import argparse

from agentd.cli.database.on_server import database_server
from agentd.cli.findings import print_findings
from agentd.doctor.server import look_at

JSON_FORM = """\
with --json the envelope's `data` is that of `agentd doctor`; what is looked at
is "server", "encoding", "durability", "TLS", "pooler", "schema", "role" and
"journal"
"""


def run(options: argparse.Namespace) -> int:
    """Print what is found; 1 when something failed. Raises `BadSetting`."""
    server = database_server("check", "`agentd doctor` looks at it")
    return print_findings(look_at(server), as_json=options.json)
