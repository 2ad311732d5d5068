"""The process that lays out, as it is and as it should not be: WAY in the environment says how.

Where PIDS is set, each process adds its id there.
"""

import os
import sys
import time
from pathlib import Path

from agentd.ui.layout import child

if "PIDS" in os.environ:
    with Path(os.environ["PIDS"]).open("a") as pids:
        print(os.getpid(), file=pids)
match os.environ.get("WAY"):
    case "garbage":
        sys.stdin.readline()
        sys.stdout.write("Segmentation fault\n")
        sys.stdout.flush()
        sys.stdin.read()
    case "deaf":
        sys.stdin.readline()
        sys.stdin.read()
    case "dies":
        sys.stdin.readline()
        sys.exit(7)
    case "asleep":
        child.place = lambda *_: time.sleep(60)  # type: ignore[attr-defined,assignment]
        child.main()
    case _:
        child.main()
