"""How long hooks wait, in seconds.

The rule this file keeps: an agent waits for all of them, at each of its tools, so they add up to
little; and a hook ends in the time that it has, whatever it waits for.
"""

INPUT = 0.4
"""For the end of standard input: who tells something has written it before the hook runs."""

ANSWER = 0.5
"""For each answer of the daemon."""

TOOL = 1.0
"""For a hook at a tool, from its first line to its last."""

START = 1.6
"""For a hook at a session's start, which waits for what nobody told, and then still asks."""
