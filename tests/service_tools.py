"""The programs that a service is asked about and told with, as a test would have them answer.

Each is a script on PATH that writes down how it was called, and answers by a list of cases.
"""

import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.daemon_process import REPOSITORY

SYSTEMCTL = {
    "--user show --property=Version": "echo Version=252",
    "--user show --property=Id*": """
        pid=$(cat "$STATE/pid" 2>/dev/null || echo 0)
        state=inactive; kill -0 "$pid" 2>/dev/null && [ "$pid" -gt 0 ] && state=active
        [ -e "$STATE/failed" ] && state=failed
        echo Id=agentd.service; echo "ActiveState=$state"; echo "MainPID=$pid"
        echo UnitFileState=enabled; echo ActiveEnterTimestampMonotonic=1000000; echo
        echo Id=agentd.socket; echo ActiveState=active; echo UnitFileState=enabled""",
    "--user enable *": """
        wants=$HOME/.config/systemd/user/agentd.socket.wants; mkdir -p "$wants"
        for unit; do case $unit in agentd-worker-*) : >"$wants/$unit";; esac; done""",
    "--user disable *": """
        for unit; do rm -f "$HOME/.config/systemd/user/agentd.socket.wants/$unit"; done""",
    "--user start --no-block *": """
        pid=$(cat "$STATE/pid" 2>/dev/null || echo 0)
        [ "$pid" -gt 0 ] && kill -0 "$pid" 2>/dev/null && exit
        "$STATE/agentd" serve >/dev/null 2>&1 </dev/null & echo $! >"$STATE/pid" """,
    "--user stop *agentd.service*": """
        pid=$(cat "$STATE/pid" 2>/dev/null || echo 0); echo 0 >"$STATE/pid"
        [ "$pid" -gt 0 ] || exit 0
        kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done""",
    "*": "",
}
"""A systemd whose daemon is a real one."""

_SCRIPT = """\
#!/bin/sh
STATE={state}
{{ printf %s {name}; for word; do printf ' %s' "$word"; done; echo; }} >>"$STATE/calls"
case "$*" in
{cases}
esac
"""


class Tools:
    """A folder of such programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "agentd"
        folder.mkdir(exist_ok=True)
        words = shlex.join([sys.executable, "-m", "agentd"])
        self._script("agentd", f'cd {shlex.quote(str(REPOSITORY))}\nexec {words} "$@"\n')

    def put_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have them found before others of their names, and the machine's own manager by none."""
        monkeypatch.setenv("PATH", f"{self.folder}:{os.environ['PATH']}")
        for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "SUDO_USER", "UV_CACHE_DIR"):
            monkeypatch.delenv(name, raising=False)

    def answer(self, name: str, cases: dict[str, str]) -> None:
        """Have a program answer so: from what it is called with to what a shell does then."""
        told = "\n".join(f"{_pattern(case)}) {does}\n;;" for case, does in cases.items())
        script = _SCRIPT.format(state=shlex.quote(str(self.folder)), name=name, cases=told)
        self._script(name, script.removeprefix("#!/bin/sh\n"))

    def calls(self, name: str = "") -> list[str]:
        """How the programs were called until now, one line each."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(name)]

    def forget(self) -> None:
        """Begin with a new list of calls."""
        (self.folder / "calls").unlink(missing_ok=True)

    def pid(self) -> int:
        """The daemon that the service has started, or 0."""
        path = self.folder / "pid"
        return int(path.read_text()) if path.exists() else 0

    def _script(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)


def _pattern(case: str) -> str:
    """A case of the shell: `*` stands for anything, all else for itself."""
    return "*".join(shlex.quote(part) if part else "" for part in case.split("*"))
