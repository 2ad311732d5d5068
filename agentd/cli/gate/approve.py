"""`agentd gate approve TASK NODE`: what waits behind the gate goes on."""

import argparse

from agentd.cli.gate.deciding import decide


def run(options: argparse.Namespace) -> int:
    """Approve a gate. Raises what `decide` raises."""
    return decide(options, "approve")
