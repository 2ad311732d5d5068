"""The pictures of the documents show what the program shows."""

from tests.daemon_process import DaemonProcess
from tests.pictures import FOLDER, graph


def test_the_graph(daemon: DaemonProcess) -> None:
    """The README's plan, half worked off, is drawn today as the picture has it."""
    drawn = graph(daemon.home)
    told = "docs/pictures/graph.svg is not what is drawn now: say `make pictures ARGS=graph.svg`"
    assert (FOLDER / "graph.svg").read_bytes() == drawn, told
