"""Boxes in a text that make no item of a list: nobody would do what stands behind them.

The rule this file keeps: code between fences and comments are not looked at, all other lines are.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

NO_ITEM = "it has a box, and is no item of a list, such as `- [ ] write the tests`: it is text"

_BOX = r"\[[ \t]?[xX]?[ \t]?\]"
_DRAWN = "[\N{BALLOT BOX}\N{BALLOT BOX WITH CHECK}\N{BALLOT BOX WITH X}]"
_IN_TEXT = re.compile(
    rf"^[ \t]*(?:(?:[-*+]|\d+[.)])[ \t]*)?(?:{_BOX}[ \t]+\S|{_DRAWN})"
    rf"|\|[ \t]*(?:[-*+][ \t]+)?(?:\[[ xX]\](?=[ \t|])|{_DRAWN})"
)
"""At the start of a line, maybe behind a bullet without its blank; or in a cell of a table."""

_OF_ITEM = re.compile(_DRAWN)

_INDENTED = re.compile(rf"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+{_BOX}[ \t]*\S")


def find_boxes(tokens: Sequence[Token]) -> Iterator[int]:
    """The lines where they stand."""
    first = False  # whether it is the line of an item, which is read elsewhere
    for token in tokens:
        if token.type == "list_item_open":
            first = True
        elif token.type == "list_item_close":
            first = False
        elif token.type == "inline":
            if first and _OF_ITEM.match(token.content):
                yield (token.map or [0])[0] + 1
            yield from _lines(token, _IN_TEXT, 1 if first else 0)
            first = False
        elif token.type == "code_block" or (
            token.type == "html_block" and not token.content.lstrip().startswith("<!--")
        ):
            yield from _lines(token, _INDENTED)


def _lines(token: Token, box: re.Pattern[str], begin: int = 0) -> Iterator[int]:
    above = (token.map or [0])[0] + 1
    for number, line in enumerate(token.content.split("\n")):
        if number >= begin and box.search(line):
            yield above + number
