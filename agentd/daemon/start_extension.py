"""Asking a service manager for more time, while a start takes long: the database is migrated.

The rule this file keeps: it is asked for only while the process works, so a start that hangs is
still ended.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from agentd.daemon.service_manager import ServiceManager

LOOK_SECONDS = 10.0
MORE_SECONDS = 60
LEAST_WORK_SECONDS = 0.02
"""Processor time between two looks from which on it works; a look itself takes less than 1 ms."""


@contextmanager
def extended_start(manager: ServiceManager, pause: float = LOOK_SECONDS) -> Iterator[None]:
    """While this goes on, and the process works, the start may go on."""
    if not manager.listens:
        yield
        return
    is_over = threading.Event()

    def ask() -> None:
        before = time.process_time()
        while not is_over.wait(pause):
            now = time.process_time()
            if now - before >= LEAST_WORK_SECONDS:
                manager.tell(
                    f"EXTEND_TIMEOUT_USEC={MORE_SECONDS * 1_000_000}",
                    "STATUS=opening the database: the log says more",
                )
            before = now

    thread = threading.Thread(target=ask, name="start extension", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
