"""`agentd` and `agentd serve`."""

import argparse

from agentd import config
from agentd.daemon.serve import serve


def run(_options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    serve(config.load())
    return 0
