"""`agentd service uninstall`: stop the service and take it away; the data stays."""

import argparse
import os

from agentd import config
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import is_terminal
from agentd.cli.service.showing import show_change
from agentd.service.choice import service_manager
from agentd.service.uninstall import there, uninstall
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Take it away. Raises `ServiceFailed` where something does not stop."""
    settings = config.load()
    manager = service_manager(os.environ, settings)
    removed, remarks = there(manager), list[str]()
    if not options.dry_run:
        removed, remarks = uninstall(manager, settings.home)
    if options.json:
        paths = [str(each.path) for each in removed]
        print_data({"removed": paths, "data": str(settings.home), "remarks": remarks})
        return 0
    for each in removed:
        show_change(each)
    if not removed:
        tell = print if is_terminal() else say
        tell("there is no service: nothing was removed")
    elif is_terminal():
        print(f"the data stays in {printable(settings.home)}")
    for remark in remarks:
        say(remark)
    return 0
