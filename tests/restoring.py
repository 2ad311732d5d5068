"""Restoring as people do, for more than one file of tests."""

import re
from pathlib import Path

from tests.command_line import Ended, agentd
from tests.databases import traces

ASIDE = re.compile(r"^what was there before is kept: (.*)$", re.MULTILINE)


def restore(home: Path, source: Path) -> Ended:
    """`agentd restore PATH`."""
    return agentd(home, "restore", str(source))


def refused(home: Path, source: Path) -> tuple[int, str]:
    """The exit code and the one line of a restore that changes nothing."""
    before = traces(source.parent), traces(home) if home.exists() else None
    ended = restore(home, source)
    assert (ended.code == 0, ended.out) == (False, "")
    after = traces(source.parent), traces(home) if home.exists() else None
    locks = {"agentd.lock", "agent_state.db.lock"}
    assert after[0] == before[0]
    assert {k: v for k, v in (after[1] or {}).items() if k not in locks} == (before[1] or {})
    return ended.code, ended.error


def kept(ended: Ended) -> Path:
    """The name that the old database is kept under."""
    assert (ended.code, ended.err) == (0, ""), ended
    found = ASIDE.search(ended.out)
    assert found is not None
    return Path(found[1])
