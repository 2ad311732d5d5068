"""What ends a server and removes its files when the process that started it is gone.

The rule this file keeps: it needs nobody's good will. A pipe ends with its writer, also when that
is killed; a shell reads the other end, costs 1 ms, and does what is left to do.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
server=$1 folder=$2 shared=$3
read -r said && [ "$said" = done ] && exit
kill -QUIT "$server" 2>/dev/null
tries=0
while kill -0 "$server" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -gt 20 ] && kill -KILL "$server"
    [ "$tries" -gt 40 ] && break
    sleep 0.1
done
rm -rf "$folder"
rmdir "${folder%/*}" 2>/dev/null && rm -rf "$shared"
"""


class Watch:
    """A watch over one process, its folder, and what it shares with others beside it.

    `shared` is removed by the last whose folder goes: the folders stand in one that has no other
    entries.
    """

    def __init__(self, server: int, folder: Path, shared: Path) -> None:
        self.shell = subprocess.Popen(
            ["/bin/sh", "-c", _SCRIPT, "watch", str(server), str(folder), str(shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C ends the suite, not the watch
        )

    def dismiss(self) -> None:
        """It is taken care of: nothing is done."""
        self.shell.communicate(b"done\n")
