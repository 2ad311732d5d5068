"""Verbs that need a server, where the driver of PostgreSQL is not there, or not whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

URL = "postgresql://ann:hunter2@127.0.0.1:1/d"


@pytest.mark.parametrize(
    "words",
    [
        ("database", "check"),
        ("database", "init"),
        ("database", "grant-sql", "ann"),
        ("database", "move", "a.db", "postgresql://ann@127.0.0.1:1/d"),
        ("replay", "--check"),
        ("backup", "copy.db"),
        ("serve",),
    ],
    ids=" ".join,
)
def test_a_driver_without_libpq(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Psycopg alone brings no libpq: one line says so, and what to type."""
    setting = {"AGENTD_HOME": str(tmp_path), "AGENTD_DATABASE_URL": URL, "PSYCOPG_IMPL": "none"}
    ended = subprocess.run(
        [sys.executable, "-m", "agentd", *words],
        env={**os.environ, **setting},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    [told] = ended.stderr.splitlines()
    assert "needs psycopg, which does not load (" in told
    assert "'psycopg[binary]" in told
