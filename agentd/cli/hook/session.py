"""One session of an agent: what it calls itself, and what is known of what it holds.

The rule this file keeps: the name stays what it was when the session began, wherever the agent goes
meanwhile. It is kept in a small file in agentd's home, which also says when its leases were looked
after last; where there is no such home nothing is kept, and nothing is made.
"""

import contextlib
import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any, Self

from agentd import config
from agentd.agent_name import agent_name
from agentd.cli.hook.telling import Telling
from agentd.cli.owner import named_owner

_FOLDER = "agents"
_KEPT_SECONDS = 7 * 86_400
"""How long the file of a session is kept that is heard of no more."""

_OTHERS = 0o077
_MARK = 16
_MOST_HELD = 1_000

HeldNode = tuple[str, str, str]
"""Its task, itself, its lease."""


class Session:
    """A session. `seq` is the place up to which its acquisitions are known, None at the start.

    `may_have_daemon` is False where nobody can listen, so that nobody need be asked.
    """

    def __init__(self, owner: str, folder: Path, path: Path) -> None:
        self.owner = owner
        self.folder = folder
        self.seq: int | None = None
        self.held: list[HeldNode] = []
        self.may_have_daemon = True
        self._path = path

    @classmethod
    def of(cls, telling: Telling) -> Self:
        """The session that a hook is told of. Raises `BadSetting`."""
        named = named_owner()
        run = telling.session_id or named or str(os.getppid())
        folder = Path(os.path.realpath(_place(telling)))
        mark = hashlib.sha256(run.encode(errors="replace")).hexdigest()[:_MARK]
        settings = config.load()
        path = settings.home / _FOLDER / f"{mark}.json"
        owner = named or agent_name(_program(telling), folder, run)
        session = cls(owner, folder, path)
        session._load()
        session.may_have_daemon = settings.address is not None or settings.socket_path.exists()
        return session

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            kept: Any = json.loads(self._path.read_bytes())
            seq, held = kept["seq"], [(str(a), str(b), str(c)) for a, b, c in kept["held"]]
            self.seq = seq if isinstance(seq, int) else None
            self.held = held
            self.owner = named_owner() or str(kept["owner"])

    def seconds_since_kept(self) -> float | None:
        """How long ago it was looked after; None where it never was, or the clock was set back."""
        try:
            since = time.time() - self._path.stat().st_mtime
        except OSError:
            return None
        return since if since >= 0 else None

    @property
    def has_home(self) -> bool:
        """Whether agentd has ever run for this user: then its home is closed to all others."""
        try:
            home = self._path.parent.parent.stat()
        except OSError:
            return False
        return stat.S_ISDIR(home.st_mode) and not home.st_mode & _OTHERS

    def keep(self) -> None:
        """Write down what is known, now, where that can be."""
        if not self.has_home:
            return
        known = {"owner": self.owner, "seq": self.seq, "held": self.held[-_MOST_HELD:]}
        temporary = self._path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.write_text(json.dumps(known), encoding="utf-8")
            temporary.replace(self._path)

    def forget_others(self) -> None:
        """Remove what is kept of sessions that are heard of no more."""
        before = time.time() - _KEPT_SECONDS
        with contextlib.suppress(OSError):
            for path in self._path.parent.iterdir():
                if path.stat().st_mtime < before:
                    path.unlink()


def _program(telling: Telling) -> str:
    """Which program it is; those that tell of no transcript are taken for Codex."""
    if "CLAUDE_PROJECT_DIR" in os.environ or "/.claude/" in telling.transcript_path:
        return "claude-code"
    return "codex" if telling.session_id else "agent"


def _place(telling: Telling) -> str | Path:
    """The folder in which the session was begun, or else where it is now."""
    return os.environ.get("CLAUDE_PROJECT_DIR") or telling.cwd or Path.cwd()
