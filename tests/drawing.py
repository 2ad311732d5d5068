"""Graphs to draw, in several shapes, and what stands in a drawing of one."""

import random
from collections.abc import Callable, Mapping, Sequence
from xml.etree import ElementTree as ET

from agentd.states import STATES
from agentd.ui.drawing import Drawn

SVG = "{http://www.w3.org/2000/svg}"
WORDS = [state.word for state in STATES]

Dependencies = Sequence[Sequence[int]]
"""Of each node the numbers of those that it needs."""


def chain(count: int) -> Dependencies:
    """One after the other."""
    return [[number - 1] if number else [] for number in range(count)]


def fan(count: int) -> Dependencies:
    """One, then all others but the last, then that."""
    return [[], *([0] for _ in range(count - 2)), list(range(1, count - 1))]


def mesh(count: int) -> Dependencies:
    """Diamonds beside each other and below each other."""
    wide = int(count**0.5)
    rows = (divmod(number, wide) for number in range(count))
    return [
        [row * wide - wide + at for at in (column - 1, column) if at >= 0] if row else []
        for row, column in rows
    ]


def layers(count: int, seed: int = 1) -> Dependencies:
    """Rows of nodes that need some of the row before."""
    chance, wide = random.Random(seed), max(3, int(count**0.5))
    return [
        sorted(chance.sample(range(row * wide - wide, row * wide), chance.randint(1, 3)))
        if row
        else []
        for row in (number // wide for number in range(count))
    ]


def tangle(count: int, seed: int = 1) -> Dependencies:
    """Nodes that need any of those before, or none."""
    chance = random.Random(seed)
    return [
        sorted(chance.sample(range(number), min(number, chance.randint(0, 3))))
        for number in range(count)
    ]


def alone(count: int) -> Dependencies:
    """Nodes that need nothing."""
    return [[] for _ in range(count)]


SHAPES: Mapping[str, Callable[[int], Dependencies]] = {
    "chain": chain,
    "fan": fan,
    "mesh": mesh,
    "layers": layers,
    "tangle": tangle,
    "alone": alone,
}


def drawn(dependencies: Dependencies, label: str = "node", remark: str = "") -> list[Drawn]:
    """Nodes n0, n1 and so on, in every state by turns."""
    return [
        Drawn(
            id=f"n{number}",
            label=f"{label} {number}",
            state=WORDS[number % len(WORDS)],
            remark=remark,
            dependencies=[f"n{needed}" for needed in needs],
            href=f"/nodes/n{number}",
        )
        for number, needs in enumerate(dependencies)
    ]


def links(svg: str) -> list[ET.Element]:
    """The links of a drawing, which is well-formed XML."""
    return ET.fromstring(svg).findall(f".//{SVG}a")  # noqa: S314 - our own


def texts(element: ET.Element) -> list[str]:
    """The texts that are shown in an element, without its title."""
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]
