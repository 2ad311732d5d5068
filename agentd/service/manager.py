"""What every manager of services can do: systemd's, and launchd's.

The rule this file keeps: a manager is told what is wanted, whole, and finds out itself what that
changes; who installs knows nothing of units or of property lists.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from agentd.service.plan import Plan

Running = Literal["running", "starting", "failed", "stopped"]


class ProcessState(Struct, frozen=True):
    """The daemon, or a worker's process: `since` is in Unix seconds, where the manager says it.

    `exit_code` is how the last one ended, where none runs.
    """

    name: str
    state: Running
    pid: int | None = None
    since: int | None = None
    exit_code: int | None = None


class ServiceState(Struct, frozen=True):
    """A service as its manager knows it; `enabled`: does it start by itself?"""

    manager: str
    enabled: bool
    daemon: ProcessState
    workers: list[ProcessState] = []


class Manager(Protocol):
    """Starts services for one user."""

    name: str
    mark: str

    def check(self) -> None:
        """Raise `NoServiceManager` where it does not answer."""

    def texts(self, plan: Plan) -> dict[Path, str]:
        """The files that a service consists of. Raises `BadSetting`."""

    def ours(self) -> dict[Path, str]:
        """Those that are there, with their texts."""

    def told_workers(self) -> list[str]:
        """What the workers that are there were asked for with."""

    def take_down(self, changing: Collection[Path], plan: Plan | None) -> None:
        """Stop what comes from these files, and for good what the plan does not have.

        Without a plan everything goes for good.
        """

    def bring_up(self, plan: Plan) -> None:
        """Read the files, and start everything, now and from now on. Raises `ServiceFailed`."""

    def forget(self) -> None:
        """Drop what is still known of files that are gone."""

    def state(self) -> ServiceState:
        """How the service is. Raises `NoServiceManager`."""

    def log_command(self, lines: int, *, follow: bool) -> list[str]:
        """The command that shows the log."""

    def environment(self) -> Mapping[str, str]:
        """What the manager's commands have in their environment."""

    def log_end(self) -> Sequence[str]:
        """The last lines of the daemon's log."""
