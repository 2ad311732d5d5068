"""How the daemon that runs came to be, where the kernel shows it: `/proc` on Linux.

The rule this file keeps: it says what it can see, and nothing where it sees nothing.
"""

from collections.abc import Iterator
from pathlib import Path

from agentd.doctor.finding import Finding, Subject, ok
from agentd.holders import holder, socket_lock_path

_PROCESSES = Path("/proc")


def origin(subject: Subject) -> Iterator[Finding]:
    """Was it a service, the first client, or somebody by hand?"""
    pid = None if subject.socket_path is None else holder(socket_lock_path(subject.socket_path))
    if not pid:
        return
    try:
        words, environment = (_words(_PROCESSES / str(pid) / of) for of in ("cmdline", "environ"))
        if f"SYSTEMD_EXEC_PID={pid}" in environment:
            how = f"by systemd: {_unit(_PROCESSES / str(pid) / 'cgroup')}"
        elif "--autostart" in words:
            how = "by its first client (AGENTD_AUTOSTART), or `agentd serve --autostart`"
        else:
            how = "by hand, or by a supervisor other than systemd"
    except OSError:  # not shown, or it has ended
        return
    yield ok("start", f"the daemon, pid {pid}, was started {how}")


def _words(file: Path) -> list[str]:
    return file.read_bytes().decode(errors="replace").split("\0")


def _unit(file: Path) -> str:
    """The last unit in its control group: `0::/user.slice/…/agentd.service`."""
    parts = file.read_text(errors="replace").strip().rpartition("\n")[2].split("/")
    units = [each for each in parts if each.endswith((".service", ".scope"))]
    return units[-1] if units else "of an unknown unit"
