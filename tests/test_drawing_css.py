"""What the drawings' stylesheet owes to who sees little: a look for everything, and contrast."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import agentd.ui
from agentd.ui.drawing.gantt import SIGNS
from tests.drawing import WORDS

CSS = (Path(agentd.ui.__file__).parent / "static" / "drawing.css").read_text(encoding="utf-8")
SCHEMES = dict(
    zip(("light", "dark"), CSS.split("@media (prefers-color-scheme: dark)"), strict=True)
)


def brightness(colour: str) -> float:
    """The relative luminance of #rrggbb: WCAG 2.2, 1.4.3."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colours: Mapping[str, str], one: str, other: str) -> float:
    """How far apart two of the colours are, from 1 to 21."""
    dark, bright = sorted(brightness(colours[name]) for name in (one, other))
    return (bright + 0.05) / (dark + 0.05)


def test_every_state_and_every_end_has_a_look() -> None:
    """A new one is not drawn before somebody has said how."""
    for word in WORDS:
        assert f".s-{word.lower()}" in CSS
    for how in SIGNS:
        assert f".how-{how}" in CSS


@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_stands_out(scheme: str) -> None:
    """Text has a contrast of 4.5 at least, and what else has to be seen one of about 3."""
    colours = dict(re.findall(r"--drawing-([\w-]+): (#[0-9a-f]{6});", SCHEMES[scheme]))
    for word in map(str.lower, WORDS):
        assert contrast(colours, "ink", word) >= 7
        assert contrast(colours, "faint", word) >= 4.5
        assert contrast(colours, f"{word}-edge", "paper") >= 3
        assert contrast(colours, f"{word}-edge", word) >= 3
    assert contrast(colours, "faint", "paper") >= 4.5
    assert contrast(colours, "focus", "paper") >= 3
    assert contrast(colours, "line", "paper") > contrast(colours, "line-done", "paper") >= 2.8
