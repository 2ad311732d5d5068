"""A line of Markdown as people see it: without the signs that make words bold, links or code.

The rule this file keeps: what is read stays, whatever it is marked with; a line that says nothing
then, or is too long to be a line, stays as it was written.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

_SIGNS = re.compile(r"[*_`\[<~&\\!]")
_COMMENT = "<!--"
_LONGEST = 2_000
"""Characters: longer ones are cut in any case, and could take long."""


def plain(text: str) -> str:
    """The words of a line."""
    if len(text) > _LONGEST or _SIGNS.search(text) is None:
        return text
    tokens = _parser().parseInline(text)
    words = "".join(_words(tokens[0].children or [] if tokens else []))
    return " ".join(words.split()) or text


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("strikethrough")


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                yield " "
            case "image":
                yield from _words(token.children or [])
            case "html_inline" if token.content.startswith(_COMMENT):
                pass
            case _:
                yield token.content
