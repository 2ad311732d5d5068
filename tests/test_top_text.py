"""Text of others in `agentd top`: shortened, fitted and wrapped by cells, as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agentd.top.fit import fit, fit_right, shorten
from agentd.top.wrapped import wrap

ANYTHING = st.text(max_size=60) | st.text("漢 a\u0301\u200d\u202e\x1b\t", max_size=60)
CELLS = st.integers(0, 40)


@given(ANYTHING, CELLS)
def test_what_is_fitted_fills_its_cells(text: str, cells: int) -> None:
    """Whatever it is, it takes exactly so many, and nothing in it steers a terminal."""
    shown = fit(text, cells)
    assert cell_len(shown) == cells
    assert shown.isprintable()


@given(st.integers(0, 10**9), st.integers(10, 40))
def test_numbers_end_at_the_right(number: int, cells: int) -> None:
    """They stand below each other."""
    shown = fit_right(number, cells)
    assert cell_len(shown) == cells
    assert shown.endswith(str(number))


def test_what_does_not_fit_says_so() -> None:
    """It ends with `…`; what fits is whole."""
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
    assert shorten("漢字漢字", 5) == "漢字…"


def test_a_million_characters_are_not_looked_at() -> None:
    """Neither of those that take a cell, nor of those that take none."""
    assert shorten("x" * 10**6, 5) == "xxxx…"
    assert len(shorten("a" + "\u0301" * 10**6, 5)) < 50


@given(ANYTHING, st.integers(2, 40))
def test_what_is_wrapped_fits(text: str, cells: int) -> None:
    """Each line does, and no letter is lost."""
    lines = wrap(text, cells)
    assert all(cell_len(line) <= cells for line in lines)
    told, whole = ("".join(each).replace(" ", "") for each in (lines, wrap(text, 10_000)))
    assert [c for c in told if cell_len(c)] == [c for c in whole if cell_len(c)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("  a  b", ["  a  b"]),
        ("one two three", ["one two", "three"]),
        ("12345678  9", ["12345678", " 9"]),
        ("a verylongword", ["a", "verylong", "word"]),
    ],
)
def test_lines_end_between_words(text: str, lines: list[str]) -> None:
    """Where that is possible; what fits is as it was."""
    assert wrap(text, 8) == lines
