"""`agentd --version`: which agentd, and what it stands on.

The rule this file keeps: it answers whatever is missing, since people ask it where something is.
"""

import argparse
from typing import Any

from agentd import __version__


class ShowVersion(argparse.Action):
    """Prints one line, and ends: an option that takes no value."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """As argparse calls it."""
        print(version_line())
        parser.exit()


def version_line() -> str:
    """The versions of agentd, of the SQLite that it brings, and of Python."""
    import platform  # 2 ms, which every verb would pay for

    try:
        from agentd.store.sqlite.opening import sqlite_version
    except ImportError as error:
        sqlite = f"no SQLite: {error}"
    else:
        sqlite = f"SQLite {sqlite_version()}"
    return f"agentd {__version__} ({sqlite}, Python {platform.python_version()})"
