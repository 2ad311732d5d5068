"""Text of others inside a sentence of ours, for readers that act on sentences.

The rule this file keeps: it stands in quotes that it cannot end, on one line, shortened.
"""

import json

from agentd.text import printable


def quoted(text: str, longest: int = 60) -> str:
    """The text as data; `longest` is in characters, before what is not printable is spelled out."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return printable(json.dumps(short, ensure_ascii=False))
