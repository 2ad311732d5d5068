"""`agentd checkpoint`: a command of `agentd work` leaves what the next one goes on from."""

import json
import sys
from pathlib import Path

from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess

PLAN = "goal: g\nnodes:\n  - {name: build, attempts: 2, backoff: 0}\n"
COMMAND = """\
import json, subprocess, sys
kept = json.load(sys.stdin)["checkpoint"]
if kept is None:
    subprocess.run([sys.executable, "-m", "agentd", "checkpoint", '{"page": 3}'], check=True)
    raise SystemExit(1)
print(json.dumps([kept["payload"], kept["attempt"]]))
"""


def test_the_next_attempt_goes_on_where_the_last_one_stopped(
    shared: DaemonProcess, tmp_path: Path
) -> None:
    """What the command kept before it failed is in the input of the one behind it."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    task = agentd_here(shared.home, "task", "register", str(tmp_path / "plan.yaml")).out.strip()
    worked = agentd_here(shared.home, "work", "--task", task, "--", sys.executable, "-c", COMMAND)
    shown = agentd_here(shared.home, "node", "show", task, "build", "--json")
    node = json.loads(shown.out)["data"]["node"]
    assert (node["status"], node["result_payload"]) == ("COMPLETED", [{"page": 3}, 1]), worked.err


def test_elsewhere_it_says_what_to_type(shared: DaemonProcess) -> None:
    """Without the environment of a command it is a usage error that names the verb for that."""
    ended = agentd_here(shared.home, "checkpoint", "{}")
    assert (ended.code, ended.out) == (2, "")
    assert "AGENTD_LEASE_ID not set" in ended.err
    assert "`agentd node commit TASK NODE LEASE JSON --checkpoint`" in ended.err
