"""The documents' pictures, made anew: `make pictures`, or `make pictures ARGS=graph.svg` for one.

The rule this file keeps: a picture shows what the program shows. Whoever adds one adds its line to
PICTURES; a test of its own holds what is in `docs/pictures` against what is made.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess, temporary_home
from tests.documents import blocks, section
from tests.top_picture import top_picture
from tests.ui_picture import ui_picture

FOLDER = REPOSITORY / "docs" / "pictures"


def graph(home: Path) -> bytes:
    """The README's plan on a daemon's home, half worked off, as `agentd task graph` draws it."""
    [plan] = blocks(section("The first hour"), "yaml")
    registered = agentd_here(home, "task", "register", "-", stdin=plan.encode())
    task = registered.out.strip()
    build = agentd_here(home, "node", "acquire", task, "--owner", "ann").out.split()
    agentd_here(home, "node", "acquire", task, "--owner", "bob")
    agentd_here(home, "node", "complete", *build[:3])
    agentd_here(home, "node", "acquire", task, "--owner", "ann")
    drawn = agentd_here(home, "task", "graph", task, "--format", "svg")
    assert drawn.code == 0, drawn
    return drawn.out.encode()


PICTURES: Mapping[str, Callable[[Path], bytes]] = {
    "graph.svg": graph,
    "top.svg": top_picture,
    "ui.png": ui_picture,
}
"""What makes each picture, by its name in docs/pictures, from the home of a daemon that is new."""


def write_pictures(*names: str) -> None:
    """Make these, or all, and put them in their place."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        with temporary_home() as home, DaemonProcess(home):
            (FOLDER / name).write_bytes(PICTURES[name](home))


if __name__ == "__main__":
    write_pictures(*sys.argv[1:])
