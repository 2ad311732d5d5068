"""`agentd` and `agentd serve`."""

import argparse
import os

from agentd import config
from agentd.daemon.queued_stderr import replace_stderr
from agentd.daemon.serve import serve
from agentd.daemon.supervision import take_supervision


def run(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    supervision = take_supervision(os.environ, options.ready_fd)
    if options.autostart:
        from agentd.daemon.background import serve_in_background

        return serve_in_background(config.load(), backup=options.backup, tcp=options.tcp)
    replace_stderr()  # not even a refusal to start may wait to be read
    serve(config.load(), backup=options.backup, tcp=options.tcp, supervision=supervision)
    return 0
