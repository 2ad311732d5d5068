"""What agents' programs hand to their hooks, as Claude Code and Codex do.

The rule this file keeps: a machine that is busy is no reason for a hook to end, unless a test is
about that.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.command_line import Ended
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, environment

_PATIENT = f"""
import sys
from agentd.cli import main
from agentd.cli.hook import patience
patience.INPUT = patience.ANSWER = patience.TOOL = patience.START = {PATIENCE_SECONDS}
sys.exit(main())
"""
SILENT = Ended(0, "", "")

NO_PROGRAM: dict[str, str | None] = {
    "CLAUDE_PROJECT_DIR": None,
    "CLAUDE_ENV_FILE": None,
    "AGENTD_OWNER": None,
}
"""The environment without an agent's program, whoever runs the suite."""


def claude_told(session: str, folder: Path, event: str, **more: Any) -> bytes:
    """As Claude Code writes it."""
    return json.dumps(
        {
            "session_id": session,
            "transcript_path": f"/home/me/.claude/projects/shop/{session}.jsonl",
            "cwd": str(folder),
            "permission_mode": "default",
            "hook_event_name": event,
            **more,
        }
    ).encode()


def codex_told(session: str, folder: Path, event: str, **more: Any) -> bytes:
    """As Codex writes it."""
    return json.dumps(
        {
            "session_id": session,
            "turn_id": "1",
            "transcript_path": None,
            "cwd": str(folder),
            "hook_event_name": event,
            "model": "a-model",
            "permission_mode": "default",
            **more,
        }
    ).encode()


def patch_of(*paths: str) -> dict[str, str]:
    """What Codex's `apply_patch` is given for a change of these files."""
    parts = [f"*** Update File: {path}\n@@\n-a\n+b\n" for path in paths]
    return {"command": f"*** Begin Patch\n{''.join(parts)}*** End Patch\n"}


def patient_agentd(home: Path, *words: str, told: bytes = b"", **env: str | None) -> Ended:
    """Run a verb as an agent's program does, and wait for it."""
    ended = subprocess.run(
        [sys.executable, "-c", _PATIENT, *words],
        cwd=REPOSITORY,
        env=environment(home, {**NO_PROGRAM, **env}),
        input=told,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def hook(home: Path, verb: str, told: bytes, **env: str | None) -> Ended:
    """Run `agentd hook VERB`."""
    return patient_agentd(home, "hook", verb, told=told, **env)
