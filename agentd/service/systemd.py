"""A service under systemd, in the manager that each user has: `systemctl --user`.

The rule this file keeps: systemd is asked and told by its own programs, and every refusal of theirs
is told with the command that was refused.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import structs

from agentd.service.commands import Ended, bus_environment, run
from agentd.service.failures import NoServiceManager, ServiceFailed
from agentd.service.files import ours_below
from agentd.service.manager import ProcessState, Running, ServiceState
from agentd.service.plan import Plan
from agentd.service.surroundings import config_home
from agentd.service.units import (
    MARK,
    SERVICE,
    SOCKET,
    WORKERS_MARK,
    instance_names,
    template_name,
    unit_texts,
)

_ANY_TEMPLATE = template_name("*")
_ANY_INSTANCE = _ANY_TEMPLATE.replace("@", "@*")
_STATES: Mapping[str, Running] = {
    "active": "running",
    "reloading": "running",
    "activating": "starting",
    "failed": "failed",
}
_PROPERTIES = (
    "Id,ActiveState,MainPID,UnitFileState,ActiveEnterTimestampMonotonic,ExecMainCode,ExecMainStatus"
)
_EXITED = "1"
"""As in waitid(2): it was no signal."""
_LOG_END = 20


class Systemd:
    """The user's own systemd."""

    name = "systemd"
    mark = MARK

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = bus_environment(environment)
        self._folder = config_home(environment) / "systemd" / "user"

    def environment(self) -> Mapping[str, str]:
        """What its commands have in their environment."""
        return self._environment

    def check(self) -> None:
        """Raise `NoServiceManager` where it does not answer."""
        asked = self._ask("show", "--property=Version")
        if not asked.ok:
            raise NoServiceManager(
                f"no systemd of this user answers ({asked.reason}): have AGENTD_AUTOSTART=1 in the "
                "environment, and the first client starts the daemon; or run `agentd serve` in "
                f"tmux, or as an `@reboot` line of `crontab -e`{_hint()}"
            )

    def texts(self, plan: Plan) -> dict[Path, str]:
        """The files that a service consists of. Raises `BadSetting`."""
        return {self._folder / name: text for name, text in unit_texts(plan)}

    def ours(self) -> dict[Path, str]:
        """Those that are there, with their texts."""
        return ours_below(self._folder, (SOCKET, SERVICE, _ANY_TEMPLATE), self.mark)

    def told_workers(self) -> list[str]:
        """What the workers that are there were asked for with."""
        lines = (line for text in self.ours().values() for line in text.split("\n"))
        return [line[len(WORKERS_MARK) :] for line in lines if line.startswith(WORKERS_MARK)]

    def take_down(self, changing: Collection[Path], plan: Plan | None) -> None:
        """Stop what comes from these files, and for good what the plan does not have."""
        instances = self._instances()
        wanted = {name for each in plan.workers for name in instance_names(each)} if plan else set()
        surplus = [name for name in instances if name not in wanted]
        changed = {path.name for path in changing}
        if plan is None or {SERVICE, SOCKET} & changed:
            there = {path.name for path in self.ours()}
            stopping = [*instances, *(unit for unit in (SERVICE, SOCKET) if unit in there)]
        else:
            stopping = [each for each in instances if each in surplus or _template(each) in changed]
        if stopping:
            self._tell("stop", *stopping)
        if leaving := [*surplus, *(() if plan else (SERVICE, SOCKET))]:
            self._ask("disable", *leaving)

    def bring_up(self, plan: Plan) -> None:
        """Read the files, and start everything, now and from now on. Raises `ServiceFailed`."""
        units = [SOCKET, SERVICE, *(name for each in plan.workers for name in instance_names(each))]
        self._tell("daemon-reload")
        self._ask("reset-failed", *units)  # of those that never failed it says that there are none
        self._tell("enable", *units)
        self._tell("start", SOCKET)
        self._tell("start", "--no-block", *units[1:])  # who waits for them sees why they fail

    def forget(self) -> None:
        """Drop what is still known of files that are gone."""
        self._ask("daemon-reload")
        self._ask("reset-failed", SERVICE, SOCKET, _ANY_INSTANCE)

    def state(self) -> ServiceState:
        """How the service is. Raises `NoServiceManager`."""
        self.check()
        units = [SERVICE, SOCKET, *self._instances()]
        asked = self._tell("show", f"--property={_PROPERTIES}", *units)
        found = {each["Id"]: each for each in map(_fields, asked.out.split("\n\n")) if "Id" in each}
        daemon, socket = (found.get(unit, {}) for unit in (SERVICE, SOCKET))
        state = _process(SERVICE, daemon)
        if state.state == "stopped" and _STATES.get(socket.get("ActiveState", "")) == "failed":
            state = structs.replace(state, state="failed")  # started too often in too short a time
        enabled = daemon.get("UnitFileState") == "enabled"
        workers = [_process(unit, found.get(unit, {})) for unit in units[2:]]
        return ServiceState(self.name, enabled, state, workers)

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """The command that shows the log."""
        units = [f"--unit={unit}" for unit in (SERVICE, SOCKET, _ANY_INSTANCE)]
        words = ["journalctl", "--user", "--no-pager", "--output=short-iso", *units]
        return [*words, f"--lines={lines}", *(["--follow"] if follow else [])]

    def log_end(self) -> Sequence[str]:
        """The last lines of the daemon's log."""
        words = ["journalctl", "--user", "--no-pager", "--output=cat", f"--lines={_LOG_END}"]
        asked = run([*words, f"--unit={SERVICE}"], self._environment)
        return [line for line in asked.out.split("\n") if line.strip()] if asked.ok else ()

    def _instances(self) -> list[str]:
        """The workers' units that start by themselves: links in a folder of systemd's."""
        found = (self._folder / f"{SOCKET}.wants").glob(_ANY_INSTANCE)
        return sorted(path.name for path in found)

    def _ask(self, *words: str) -> Ended:
        return run(["systemctl", "--user", *words], self._environment)

    def _tell(self, *words: str) -> Ended:
        ended = self._ask(*words)
        if not ended.ok:
            command = " ".join(("systemctl --user", *words))
            raise ServiceFailed(f"`{command}` failed: {ended.reason}", self.log_end())
        return ended


def _template(instance: str) -> str:
    name, _, rest = instance.partition("@")
    return f"{name}@.{rest.rpartition('.')[2]}"


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.split("\n") if "=" in line)
    return {name: value for name, _, value in pairs}


def _process(unit: str, fields: Mapping[str, str]) -> ProcessState:
    state = _STATES.get(fields.get("ActiveState", ""), "stopped")
    pid = int(fields.get("MainPID") or 0) or None
    entered = int(fields.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    since = round(time.time() - time.monotonic() + entered) if entered and pid else None
    exited = fields.get("ExecMainCode") == _EXITED and pid is None
    code = int(fields.get("ExecMainStatus") or 0) if exited else None
    return ProcessState(unit, state, pid, since, code)


def _hint() -> str:
    """What may help where a systemd could be, and does not answer."""
    try:
        kernel = Path("/proc/sys/kernel/osrelease").read_text(encoding="utf-8")
    except OSError:
        kernel = ""
    if "microsoft" in kernel.lower():
        return "; in WSL `[boot] systemd=true` in /etc/wsl.conf starts it"
    if Path("/run/systemd/system").is_dir():
        return "; after `su` or `sudo` log in as this user instead, by ssh or `machinectl shell`"
    return ""
