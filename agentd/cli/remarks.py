"""What a verb says beside its output, to a person.

The rule this file keeps: it goes to standard error, where no program reads it, and begins as all
that agentd says there.
"""

import sys

from agentd.text import printable


def say(words: str) -> None:
    """Say it at once, on a line of its own."""
    print(printable(f"agentd: {words}"), file=sys.stderr, flush=True)
