"""Runs handlers on the nodes of agentd: what a Python agent needs besides its own work.

The rule this package keeps: a node that was acquired is completed, failed, given back, or known to
be lost, and heartbeats never wait for the handler.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd.worker.worker import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    # Late: what runs in a process of its own beside a worker needs no event loop.
    if name in __all__:
        return getattr(importlib.import_module("agentd.worker.worker"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
