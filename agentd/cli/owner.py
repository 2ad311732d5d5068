"""Whose leases and locks are, where the command line does not say.

The rule this file keeps: AGENTD_OWNER names an agent, and what it holds lasts as long as that agent
does. What lasts only as long as one process has that process behind the name, so that nobody who
looks after the agent's leases keeps those of a process that is gone.
"""

import os

OWNER = "AGENTD_OWNER"


def named_owner() -> str | None:
    """The agent that the environment names; None where it names none."""
    return os.environ.get(OWNER, "").strip() or None


def process_owner() -> str | None:
    """The name of a process of that agent's: its own, and the number of this process."""
    owner = named_owner()
    return None if owner is None else f"{owner}-{os.getpid()}"
