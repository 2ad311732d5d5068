"""`agentd service logs`: what the daemon and its workers have logged, as text."""

import argparse
import os
import subprocess
import sys

from agentd import config
from agentd.cli.signals import stop_like_an_interrupt
from agentd.service.choice import service_manager
from agentd.service.failures import ServiceNotInstalled
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Show the log. Raises `ServiceNotInstalled`, and the `OSError` that names the program."""
    manager = service_manager(os.environ, config.load())
    if not manager.ours():
        raise ServiceNotInstalled("there is no service, and so no log of one")
    stop_like_an_interrupt()
    command = manager.log_command(options.lines, follow=options.follow)
    with subprocess.Popen(  # noqa: S603 - no shell, and the words are ours
        command,
        env=dict(manager.environment()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as shown:
        assert shown.stdout is not None  # noqa: S101 - it was asked for
        try:
            for line in shown.stdout:
                words = line.decode(errors="replace").rstrip("\n").replace("\t", " ")
                sys.stdout.write(f"{printable(words)}\n")
                sys.stdout.flush()
        finally:
            shown.terminate()
    return 1 if shown.returncode > 0 else 0
