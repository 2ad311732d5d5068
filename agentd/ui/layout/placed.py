"""Where everything stands, in pixels.

The rule this file keeps: all boxes are of one size, so that nothing depends on what is in them.
"""

from msgspec import Struct

BOX_WIDTH = 184
BOX_HEIGHT = 42


class Route(Struct, frozen=True, array_like=True):
    """The line from one node to another that needs it, both by their numbers.

    Between the first two of its `points` it curves, between the next two it is straight (it passes
    by other boxes there), and so on.
    """

    needed: int
    needs: int
    points: list[tuple[int, int]]


class Placed(Struct, frozen=True):
    """A graph without names; `corners` are the upper left ones of the boxes."""

    width: int
    height: int
    downwards: bool
    """Whether time runs down; else it runs to the right."""

    corners: list[tuple[int, int]]
    routes: list[Route]
