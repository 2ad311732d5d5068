"""`agentd doctor`: everything that is checked, a line each, and what to do where it is not ok."""

import argparse
import os
from collections.abc import Iterator

from agentd.cli.findings import print_findings
from agentd.cli.progress_bar import show_progress
from agentd.doctor import examine
from agentd.doctor.finding import Finding

JSON_FORM = """\
with --json the envelope's `data` is:
  {"status": "ok" | "warning" | "failed",     the worst of all findings
   "findings": [{"status": the same words,    in the order of the checks
                 "what": "setting", "env file", "home", "database", "socket",
                         "secret", "start", "lock", "open files",
                         "disk space", "file system", "SQLite",
                         "durability", "WAL", "integrity", "journal",
                         "mark", "copy" or "agents"; of a database on a
                         server "server", "encoding", "durability", "TLS",
                         "pooler", "schema", "role", "journal",
                         "daemons", "clock", "events" in place of
                         those of a file; one may have several findings
                 "finding": "a sentence for a person",
                 "advice": "what to do", "" where all is well}]}
"""


def run(options: argparse.Namespace) -> int:
    """Print what is found; 1 when something failed."""
    return print_findings(_examine(), as_json=options.json)


def _examine() -> Iterator[Finding]:
    with show_progress() as progress:
        for finding in examine(os.environ, progress):
            progress("", 0, 0)
            yield finding
