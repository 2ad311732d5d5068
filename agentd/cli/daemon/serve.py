"""`agentd` and `agentd serve`."""

import argparse
import os

from agentd import config
from agentd.cli.extras import require_extra
from agentd.cli.log import failures_logged, logs_json
from agentd.cli.postgres_driver import require_driver
from agentd.config import Settings
from agentd.daemon.queued_stderr import replace_stderr
from agentd.daemon.serve import serve
from agentd.daemon.supervision import take_supervision
from agentd.loopback import Ports


def run(options: argparse.Namespace) -> int:
    """Run the daemon until it is told to stop."""
    if options.metrics is not None:
        require_extra("agentd serve --metrics", "metrics", ("prometheus_client",))
    ports = Ports(options.tcp, options.metrics)
    supervision = take_supervision(os.environ, options.ready_fd)
    if options.autostart:
        from agentd.daemon.background import serve_in_background

        return serve_in_background(_settings(), backup=options.backup, ports=ports)
    replace_stderr(as_json=logs_json())  # not even a refusal to start may wait to be read
    with failures_logged():
        serve(_settings(), backup=options.backup, ports=ports, supervision=supervision)
    return 0


def _settings() -> Settings:
    """The settings, where all is there that they ask for. Raises `Failure`."""
    settings = config.load()
    if settings.server is not None:
        require_driver("a database on a server")
    return settings
