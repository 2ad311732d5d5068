"""Where a process that runs a module of this package finds it.

The rule this file keeps: a child imports the agentd that started it, installed, in a source tree,
or unpacked from the one file, where no other Python would look for it.
"""

import os
import sys
from pathlib import Path


def import_path() -> str:
    """What PYTHONPATH is to be: where this interpreter finds its modules, agentd's among them."""
    found = [place for place in sys.path if place]
    home = str(Path(__file__).parents[2])
    return os.pathsep.join(found if home in found else [home, *found])
