"""What `agentd doctor` finds, in this process."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from agentd.doctor import examine, places
from agentd.doctor.finding import OK, Finding
from tests.daemon_process import environment


def pretend_a_local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests' directory be on a large local disk, wherever they run."""
    monkeypatch.setattr(places, "_kind", lambda _path: "ext4")
    for limit in ("LITTLE_SPACE", "LITTLE_SHARE", "ONE_COMMIT"):
        monkeypatch.setattr(places, limit, 0)


def examined(home: Path, **extra: str | None) -> list[Finding]:
    """What is found with these variables."""
    given = environment(home, extra)
    with patch.dict(os.environ, {"HOME": given["HOME"]}):  # what `~` is, and nobody's own env file
        return list(examine(given, lambda *_: None))


def not_ok(home: Path, **extra: str | None) -> list[tuple[str, str, str]]:
    """Status, check and finding of what is not ok; each has an advice.

    That no daemon runs is left out: nearly nowhere does one.
    """
    found = [finding for finding in examined(home, **extra) if finding.status != OK]
    assert all(finding.advice for finding in found)
    told = [(finding.status, finding.what, finding.finding) for finding in found]
    return [each for each in told if not each[2].startswith("no daemon: there is nothing at ")]


def told(home: Path, what: str, **extra: str | None) -> list[str]:
    """What one check finds."""
    return [finding.finding for finding in examined(home, **extra) if finding.what == what]
