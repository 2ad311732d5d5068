"""`agentd service` under a real `systemd --user`, where one can be run: root, on Linux."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import REPOSITORY, environment
from tests.users_systemd import run_below, why_not

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

SCENARIO = """
pid() { systemctl --user show -P MainPID "$1"; }
new_pid() { until [ "$(pid $1)" -gt 0 ] && [ "$(pid $1)" -ne "$2" ]; do sleep 0.05; done; pid $1; }
worker=agentd-worker-a@1.service
agentd service install --program "$PROGRAM" --workers "$WORKERS" --json
words='import sys; print(sys.stdin.read().split("\\0")[4:-1])'
"$PYTHON" -c "$words" <"/proc/$(pid $worker)/cmdline"
cat "/proc/$(pid agentd.service)/status" | grep NoNewPrivs
first=$(pid agentd.service); works=$(pid $worker)
kill -9 "$first"
second=$(new_pid agentd.service "$first")
[ "$second" -ne "$first" ] && [ "$(pid $worker)" -eq "$works" ] && echo "killed, and there again"
task=$(printf 'goal: works\\nnodes: {a: {}}\\n' | agentd task register - | head -n 1)
agentd task wait "$task" --json
systemctl --user stop agentd.service 2>/dev/null
agentd call Health --json
[ "$(new_pid agentd.service "$second")" -gt 0 ] && echo "there for whoever connects"
agentd service install --program "$PROGRAM" --workers "a=1:sh -c 'exit 2'" --json
[ "$(pid agentd.service)" -gt 0 ] && echo "still there"
systemctl --user stop agentd.socket && [ "$(pid agentd.service)" -eq 0 ] && echo "stopped"
[ ! -e "$AGENTD_HOME/agentd.sock" ] && echo "no socket"
agentd service uninstall --json
systemctl --user list-units --all --plain --no-legend 'agentd*'; echo "that is all"
"""
WORDS = ["%h", "$HOME", "${X}", ";", 'a "b"', "it's", "\\", "100%", ""]


def test_a_life(home: Path) -> None:
    """Installed, killed, stopped, connected to, changed and uninstalled, as the units promise."""
    program = home.parent / "bin" / "agentd"
    program.parent.mkdir()
    agentd = shlex.join([sys.executable, "-m", "agentd"])
    program.write_text(f'#!/bin/sh\ncd {shlex.quote(str(REPOSITORY))}\nexec {agentd} "$@"\n')
    program.chmod(0o755)
    extra = {"PATH": f"{program.parent}:/usr/bin:/bin", "XDG_CONFIG_HOME": None}
    workers = f"a=1:agentd work --all -- sh -c true {shlex.join(WORDS)}"
    given = {"PROGRAM": str(program), "WORKERS": workers, "PYTHON": sys.executable}
    ended = run_below(SCENARIO, {**environment(home, extra), **given})
    lines = ended.stdout.splitlines()
    installed = json.loads(lines[0])
    assert installed["ok"], installed
    assert installed["data"]["service"]["daemon"]["state"] == "running"
    assert [each["state"] for each in installed["data"]["service"]["workers"]] == ["running"]
    assert lines[1] == str(["--all", "--", "sh", "-c", "true", *WORDS])
    assert lines[2:4] == ["NoNewPrivs:\t1", "killed, and there again"], ended
    assert json.loads(lines[4])["data"]["state"] == "COMPLETED", ended
    assert json.loads(lines[5])["data"]["status"] == "ok"
    assert lines[6] == "there for whoever connects"
    assert json.loads(lines[7])["ok"]
    assert lines[8:11] == ["still there", "stopped", "no socket"]
    assert len(json.loads(lines[11])["data"]["removed"]) == 3
    assert lines[12:] == ["that is all"]
