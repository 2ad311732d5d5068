"""`agentd gate reject TASK NODE`: the gate fails, and what waits behind it does not run."""

import argparse

from agentd.cli.gate.deciding import decide


def run(options: argparse.Namespace) -> int:
    """Reject a gate. Raises what `decide` raises."""
    return decide(options, "reject")
