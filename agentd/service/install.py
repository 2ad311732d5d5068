"""Putting a service in place, or anew: `agentd service install`.

The rule this file keeps: everything that can be refused is refused before anything is touched, and
it is done when the daemon answers. Done twice, it changes nothing.
"""

from pathlib import Path
from typing import NamedTuple

from agentd.config import Settings
from agentd.daemon.lock import database_lock, home_lock, socket_lock
from agentd.errors import AlreadyRunning
from agentd.service.commands import run
from agentd.service.failures import ServiceFailed
from agentd.service.files import Change, What, changes, write
from agentd.service.lingering import Lingering
from agentd.service.manager import Manager, ServiceState
from agentd.service.plan import Plan
from agentd.service.readiness import wait_until_answering
from agentd.text import quote


class Installed(NamedTuple):
    """What was done, and how the service is now. `outlives`: does it go on after a log-out?"""

    changes: list[Change]
    state: ServiceState
    outlives: bool
    remarks: list[str]


def planned(manager: Manager, plan: Plan) -> list[Change]:
    """What becomes of every file. Raises `BadSetting` and `ForeignFile`; touches nothing."""
    return changes(manager.texts(plan), manager.ours(), manager.mark)


def install(manager: Manager, plan: Plan, settings: Settings, seconds: float) -> Installed:
    """Have the service be as it is planned, and wait so long until it answers.

    Raises `NoServiceManager`, `BadSetting`, `ForeignFile`, `AlreadyRunning`, `ServiceFailed`.
    """
    manager.check()
    found = planned(manager, plan)
    _refuse_another_daemon(manager, settings)
    _check_program(plan)
    changing = [each.path for each in found if each.what in (What.CHANGED, What.REMOVED)]
    manager.take_down(changing, plan)
    for each in found:
        write(each)
    manager.bring_up(plan)
    wait_until_answering(manager, plan.socket, seconds)
    outlives, remarks = _outlive_session(manager, settings)
    return Installed(found, manager.state(), outlives, remarks)


def _refuse_another_daemon(manager: Manager, settings: Settings) -> None:
    """Raise `AlreadyRunning` where a daemon runs that the service did not start."""
    ours = manager.state().daemon.pid
    locks = home_lock(settings.home), database_lock(settings.database)
    for lock in (*locks, socket_lock(settings.socket_path)):
        pid = lock.holder()
        if (pid is not None and ours is None) or pid not in (None, 0, ours):
            raise AlreadyRunning(
                f"an agentd that no service started is running with pid {pid or 'unknown'} (it "
                f"holds {lock.path}): `kill {pid or 'PID'}` stops it; install the service then, "
                "before a client with AGENTD_AUTOSTART=1 starts another"
            )


def _check_program(plan: Plan) -> None:
    """Raise `ServiceFailed` where the program does not start with what the service has."""
    words = [*plan.program, "--version"]
    ended = run(words, {"HOME": str(Path.home()), **plan.variables})
    if not ended.ok or not ended.out.startswith("agentd "):
        told = " ".join(words)
        raise ServiceFailed(f"{quote(told)} does not say that it is agentd: {ended.reason}")


def _outlive_session(manager: Manager, settings: Settings) -> tuple[bool, list[str]]:
    """Whether the service goes on when its user has logged out, and what to say of that."""
    if manager.name != "systemd":
        return False, []
    told = Lingering(manager.environment(), settings.home).turn_on()
    if told is None:
        return True, []
    remark = (
        f"the service ends when you log out ({told}): `sudo loginctl enable-linger $USER` has it "
        "go on, and start with the machine"
    )
    return False, [remark]
