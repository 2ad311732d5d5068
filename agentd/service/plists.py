"""The texts of launchd's property lists: the daemon, and each worker's every process.

The rule this file keeps: as for units, the same plan gives the same texts. launchd knows neither
readiness nor templates, so a worker has a list for each of its processes, and waits for the daemon.
"""

import plistlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentd.service.plan import Plan

LABEL = "local.agentd"
MARK = "<!-- Written by `agentd service install`"
WORKERS_KEY = "AgentdWorkers"
"""What a worker was asked for with; launchd passes over keys that it does not know."""

_PAUSE_SECONDS = 10
STOP_SECONDS = 30
"""Before a job is killed that does not end."""


def log_path(home: Path) -> Path:
    """Where the daemon and its workers log."""
    return home / "agentd.service.log"


def plist_texts(plan: Plan) -> Iterator[tuple[str, str]]:
    """The file name and the text of every property list."""
    yield f"{LABEL}.plist", _text(plan, LABEL, [*plan.program, "serve"], {"SuccessfulExit": False})
    for worker in plan.workers:
        for number in range(1, worker.told.instances + 1):
            label = f"{LABEL}.worker.{worker.told.name}.{number}"
            told = {WORKERS_KEY: worker.told.told}
            yield f"{label}.plist", _text(plan, label, worker.words, keep=True, **told)


def _text(plan: Plan, label: str, words: Sequence[str], keep: Any, **more: str) -> str:
    """One list. `keep`: when it is started again."""
    log = str(log_path(plan.home))
    values = {
        "Label": label,
        "ProgramArguments": list(words),
        "EnvironmentVariables": dict(plan.variables),
        "RunAtLoad": True,
        "KeepAlive": keep,
        "ThrottleInterval": _PAUSE_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "ProcessType": "Standard",
        "Umask": 0o077,
        "StandardOutPath": log,
        "StandardErrorPath": log,
        **more,
    }
    head, newline, rest = plistlib.dumps(values, sort_keys=False).decode().partition("\n")
    return f"{head}{newline}{MARK} of agentd {plan.version}. -->\n{rest}"
