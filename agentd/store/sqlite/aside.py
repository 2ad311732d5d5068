"""Files that are in the way and are kept.

The rule this file keeps: nothing is removed that might be all that is left of something. It gets
another name beside its own, and the start and `agentd doctor` tell of it.
"""

import os
import re
from pathlib import Path

from agentd.database_files import MARK, NOTE, WAL

DAMAGED, FOREIGN = "damaged", "foreign"
"""Why: it cannot be read, or not to its end; it belongs to another database."""


def set_aside(file: Path, why: str) -> Path:
    """Rename a file beside the database; returns its new name. Raises `OSError`."""
    first = name = file.with_name(f"{file.name}.{why}")
    number = 1
    while os.path.lexists(name):
        number += 1
        name = first.with_name(f"{first.name}-{number}")
    file.rename(name)
    return name


def files_set_aside(database: Path) -> list[Path]:
    """What was set aside beside a database, and is there still."""
    files = "|".join(map(re.escape, (WAL, MARK, NOTE)))
    name = re.compile(rf"{re.escape(database.name)}({files})\.({DAMAGED}|{FOREIGN})(-\d+)?")
    return sorted(path for path in database.parent.iterdir() if name.fullmatch(path.name))
