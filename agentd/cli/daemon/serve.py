"""`agentd` and `agentd serve`."""

import argparse

from agentd import config
from agentd.daemon.queued_stderr import replace_stderr
from agentd.daemon.serve import serve


def run(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    replace_stderr()  # first of all: not even a refusal to start may wait to be read
    serve(config.load(), backup=options.backup)
    return 0
