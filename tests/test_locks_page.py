"""What docs/locks.md tells people to type is typed here, as it stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import AGENTD
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.documents import blocks, text

PAGE = REPOSITORY / "docs" / "locks.md"
LINES = [*blocks(text(PAGE), "sh"), *blocks(text(PAGE), "python")]


@pytest.mark.parametrize("block", LINES, ids=range(len(LINES)))
def test_what_is_typed(shared: DaemonProcess, tmp_path: Path, block: str) -> None:
    """Each block runs by itself, complains of nothing, and leaves no lock."""
    (tmp_path / "agentd").write_text(f'#!/bin/sh\nexec {shlex.join(AGENTD)} "$@"\n')
    (tmp_path / "agentd").chmod(0o755)
    is_python = block.startswith("from ")
    program = [sys.executable, "-W", "error", "-c"] if is_python else ["sh", "-ec"]
    path = f"{tmp_path}:/usr/local/bin:/usr/bin:/bin"
    ended = subprocess.run(
        [*program, block],
        cwd=tmp_path,
        env=environment(shared.home, {"PATH": path, "PYTHONPATH": str(REPOSITORY)}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stderr.decode()) == (0, "")
    if is_python:
        held = rf"file:{tmp_path}/src/a.py is held by 'me' as dir:{tmp_path}/src until \S+Z\n"
        assert re.fullmatch(held, ended.stdout.decode())
    with shared.connect() as connection:
        assert connection.call("ListResourceLocks")["locks"] == []
