"""`agentd service install`: the daemon as a service of this user, and workers beside it."""

import argparse
import os
from collections.abc import Iterable, Sequence

from agentd import config
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.screen import is_terminal, print_fields
from agentd.cli.service.showing import show_change
from agentd.errors import Failure
from agentd.service.choice import make_plan, service_manager
from agentd.service.failures import NoServiceManager
from agentd.service.files import Change, What
from agentd.service.install import Installed, install, planned
from agentd.service.manager import Manager
from agentd.service.plan import Plan
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Put it in place, and wait until it answers. Raises `Failure`s; see `agentd.service`."""
    _refuse_sudo()
    os.environ["AGENTD_AUTOSTART"] = "0"  # who asks whether it answers starts no other daemon
    settings = config.load()
    manager = service_manager(os.environ, settings)
    workers = manager.told_workers() if options.workers is None else options.workers
    told = [] if options.no_workers else workers
    plan, remarks = make_plan(os.environ, settings, told, options.program)
    if options.dry_run:
        _show_plan(planned(manager, plan), [*remarks, *_why_not(manager)], as_json=options.json)
        return 0
    done = install(manager, plan, settings, options.timeout)
    _show(done, plan, [*remarks, *done.remarks, *_of_root()], as_json=options.json)
    return 0


def _refuse_sudo() -> None:
    """Raise `Failure` where somebody asks as root for what is meant for themselves."""
    user = os.environ.get("SUDO_USER", "root")
    if os.geteuid() == 0 and user != "root":
        raise Failure(
            f"the service is one of a user, and needs no root: run it as {user}, without sudo"
        )


def _of_root() -> list[str]:
    """What to say to root."""
    if os.geteuid() != 0:
        return []
    return ["this is a service of root's own; meant is one of the user whose agents work"]


def _why_not(manager: Manager) -> list[str]:
    """What would keep what is shown from being put in place on this machine."""
    try:
        manager.check()
    except NoServiceManager as error:
        return [f"it cannot be installed here: {error}"]
    return []


def _show_plan(changes: Sequence[Change], remarks: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_data({"files": [_data(each) for each in changes], "remarks": remarks})
        return
    for each in changes:
        print(f"# {printable(each.path)} ({each.what})")
        print("\n".join(printable(line) for line in (each.after or "").split("\n")))
    _say_all(remarks)


def _show(done: Installed, plan: Plan, remarks: Sequence[str], *, as_json: bool) -> None:
    daemon = done.state.daemon
    if as_json:
        print_data(
            {
                "files": [_data(each) for each in done.changes],
                "socket": str(plan.socket),
                "service": done.state,
                "outlives_session": done.outlives,
                "remarks": remarks,
            }
        )
        return
    for each in done.changes:
        show_change(each)
    if is_terminal():
        starts = "the machine starts" if done.outlives else "you log in"
        print(f"the daemon (pid {daemon.pid}) answers on {printable(plan.socket)}")
        print(f"it starts when {starts}; `agentd service status` shows how it is")
    else:
        print_fields("running", daemon.pid, plan.socket)
    _say_all(remarks)


def _say_all(remarks: Iterable[str]) -> None:
    for each in remarks:
        say(each)


def _data(change: Change) -> dict[str, object]:
    """A file for a program: what becomes of it, its text, and how it differs."""
    differs = change.difference() if change.what is What.CHANGED else []
    return {
        "path": str(change.path),
        "what": str(change.what),
        "text": change.after,
        "difference": differs,
    }
