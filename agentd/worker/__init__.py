"""Runs handlers on the nodes of agentd: what a Python agent needs besides its own work.

The rule this package keeps: a node that was acquired is completed, failed, or known to be lost, and
heartbeats never wait for the handler.
"""

from agentd.worker.worker import Worker

__all__ = ["Worker"]
