"""A real `systemd --user`, in namespaces and a control group of its own, where that may be.

It needs root and Linux; nothing outside of it is changed, and all of it ends with the command.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.daemon_process import PATIENCE_SECONDS

SYSTEMD = Path("/usr/lib/systemd/systemd")

_OUTSIDE = 'echo $$ >"$0/cgroup.procs" && exec unshare -m -C -p -f --kill-child --mount-proc "$@"'
_INSIDE = """
mount -t tmpfs tmpfs /run && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 99
mkdir -p /run/systemd/system /run/user/0 && chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0
"$SYSTEMD" --user </dev/null >/dev/null 2>&1 &
until [ "$(systemctl --user is-system-running 2>/dev/null)" = running ]; do
    kill -0 $! || exit 99
    sleep 0.05
done
eval "$SCENARIO"
"""


def why_not() -> str | None:
    """Why there can be none here; None where there can."""
    if not SYSTEMD.exists() or not shutil.which("unshare") or not shutil.which("systemctl"):
        return "no systemd to run"
    if os.geteuid() != 0 or _groups() is None:
        return "not root, or no control groups"
    with contextlib.suppress(OSError), _own_group():
        return None
    return "no control group can be made here"


def run_below(scenario: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run lines of a shell as a user of such a systemd, and return how they ended."""
    with _own_group() as group:
        return subprocess.run(
            ["/bin/sh", "-c", _OUTSIDE, str(group), "/bin/sh", "-c", _INSIDE],
            env={**environment, "SYSTEMD": str(SYSTEMD), "SCENARIO": scenario},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )


def _groups() -> Path | None:
    """Where the control groups are, version 2."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return next((Path(each[4]) for each in lines if "cgroup2" in each[each.index("-") :]), None)


@contextlib.contextmanager
def _own_group() -> Iterator[Path]:
    """A control group, which goes with all that systemd has made below it."""
    group = (_groups() or Path("/nowhere")) / f"agentd-test-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
