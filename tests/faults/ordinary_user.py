"""agentd's command line as a user whom mode bits bind: root sees none of them.

The rule this file keeps: the child imports agentd first and changes its user then, because that
user may not be able to read this Python at all. Left out are the rooms whose libraries take a
second to import; no test here asks for them. Where the suite does not run as root, the child stays
the user that it is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, Exit, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = os.geteuid() == 0
NOBODY = 65534

_CHILD = """
import codecs, contextlib, importlib, os, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import agentd.cli
rooms = ("loop", "mcp", "top", "ui")
left_out = (*(f"agentd.{room}" for room in rooms), *(f"agentd.cli.{room}" for room in rooms))
for module in pkgutil.walk_packages(agentd.__path__, "agentd."):
    if not module.name.endswith("__main__") and not module.name.startswith(left_out):
        importlib.import_module(module.name)
with contextlib.suppress(ImportError):
    import uvloop
for codec in ("ascii", "latin-1", "utf-8"):
    codecs.lookup(codec)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(agentd.cli.main(sys.argv[2:]))
"""


def hand_over(*paths: Path) -> None:
    """Make the user the owner of these."""
    for path in paths:
        if ROOT:
            os.chown(path, NOBODY, NOBODY)


def start(home: Path, *arguments: str, **env: str | None) -> subprocess.Popen[str]:
    """Start agentd with these arguments as that user."""
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(REPOSITORY), *arguments],
        cwd="/",
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(home: Path, *arguments: str, **env: str | None) -> Exit:
    """Run agentd to its end, which has to come by itself."""
    began = time.monotonic()
    with start(home, *arguments, **env) as process:
        try:
            output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Exit(process.returncode, output, time.monotonic() - began)


def until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    """Give what a daemon says until it is ready."""
    assert process.stdout is not None
    said = ""
    while " ready: " not in said:
        line = process.stdout.readline()
        assert line, f"it ended before it was ready:\n{said}"
        said += line
        yield line
