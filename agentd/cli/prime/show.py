"""`agentd prime`: a briefing for an agent, on standard output or as its hook takes it.

The rule this file keeps: whatever goes wrong, an agent begins without a briefing, and at once. No
daemon, or nothing to say, is no failure; who asked by hand is told why there is no briefing.
"""

import argparse
import os
from pathlib import Path

from agentd import config
from agentd.agent_name import is_in_folder
from agentd.cli.hook import patience
from agentd.cli.owner import named_owner
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.client import Client
from agentd.config.envfile import env_file
from agentd.errors import Failure, NobodyListens, NoSocket, RequestRefused

_AUTOSTART = "AGENTD_AUTOSTART"
_NOTHING = "no briefing: nothing is open, held or waiting"


def run(options: argparse.Namespace) -> int:
    """Print the briefing, where there is one."""
    if options.hook:
        from agentd.cli.hook.session_start import run_hook

        return run_hook(_first_briefing)
    text, why = None, _NOTHING
    try:
        text = briefing_for(named_owner(), _folder())
    except (Failure, RequestRefused, OSError) as error:
        why = f"no briefing: {error}"
    if options.json:
        print_data({"briefing": text, "why_none": None if text else why})
    elif text is not None:
        print(text)
    else:
        say(why)
    return 0


def briefing_for(owner: str | None, folder: Path, timeout: float = patience.ANSWER) -> str | None:
    """The briefing of the agent of that name and folder; None where there is nothing to say.

    Raises `Failure`, `RequestRefused` or `OSError` where the daemon tells nothing.
    """
    from agentd.cli.prime.briefing import briefing
    from agentd.cli.prime.findings import look

    def is_ours(holder: str) -> bool:
        return holder == owner or is_in_folder(holder, folder)

    with Client(timeout=timeout) as client:
        found = look(client, is_ours)
    return briefing(found, owner) if found else None


def _first_briefing(owner: str | None, folder: Path) -> str | None:
    """The same of a session that begins, be it the first thing that happens on this machine."""
    try:
        return briefing_for(owner, folder)
    except (NoSocket, NobodyListens):
        if not _may_start():
            raise
    os.environ[_AUTOSTART] = "1"
    return briefing_for(owner, folder, patience.START)


def _may_start() -> bool:
    """Whether a session that begins may start the daemon: what there is to say waits in a database.

    Where the user has said something of that it holds; a service was stopped by somebody.
    """
    from agentd.service.choice import service_manager

    settings, told = config.load(), {*os.environ, *env_file(os.environ).variables}
    has_database = settings.server is not None or settings.database.is_file()
    if _AUTOSTART in told or not has_database:
        return settings.autostart
    return not service_manager(os.environ, settings).ours()


def _folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it is gone
        return Path("/")
