"""The daemon on a disk whose fsync fails while a file exists: `failing_daemon.py FILE`.

The rule this file keeps: it is `agentd serve` in everything else.
"""

import sys
from pathlib import Path

import apsw

from agentd.cli import main
from tests.faults.vfs import Operation, witnessed


def fail_while(trigger: Path) -> int:
    """Serve, and return the exit code."""

    def witness(operation: Operation) -> None:
        if operation.kind == "sync" and trigger.exists():
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)

    with witnessed(witness):
        return main(["serve"])


if __name__ == "__main__":
    sys.exit(fail_while(Path(sys.argv[1])))
