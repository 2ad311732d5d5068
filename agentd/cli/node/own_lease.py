"""The lease under which a command of `agentd work` has its node: its environment says it.

The rule this file keeps: elsewhere there is none, and the refusal says what to call in its place.
"""

import os
from typing import NamedTuple

from agentd.cli.failures import Usage

_VARIABLES = ("AGENTD_TASK_ID", "AGENTD_NODE_ID", "AGENTD_LEASE_ID")


class OwnLease(NamedTuple):
    """Task, node and lease, by their ids."""

    task_id: str
    node_id: str
    lease_id: str


def own_lease(elsewhere: str) -> OwnLease:
    """What the environment says. Raises `Usage` where it says nothing, with the verb for that."""
    values = [os.environ.get(each, "") for each in _VARIABLES]
    missing = [name for name, value in zip(_VARIABLES, values, strict=True) if not value]
    if missing:
        raise Usage(
            f"{', '.join(missing)} not set: this verb is for commands that `agentd work` runs; "
            f"elsewhere it is `{elsewhere}`"
        )
    return OwnLease(*values)
