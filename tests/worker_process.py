"""A worker in a process of its own, for the tests that signal it: `python worker_process.py TASK`.

Prints a line when a handler begins, and when it ends or is stopped; the node's payload says in how
many seconds it ends by itself, and whether its handler is `async`.
"""

# ruff: noqa: T201 - what it prints is what the tests read
import asyncio
import subprocess
import sys
import time
from typing import Any

from agentd import AsyncLease, Client, Lease, Worker


def wait(lease: Lease) -> Any:
    """A blocking handler."""
    try:
        print("begins", flush=True)
        ends_at = time.monotonic() + lease.payload["seconds"]
        while time.monotonic() < ends_at:
            time.sleep(0.01)
    except BaseException as error:
        print("stopped by", type(error).__name__, flush=True)
        raise
    print("ends", flush=True)
    return "done"


async def wait_async(lease: AsyncLease) -> Any:
    """An async handler."""
    try:
        print("begins", flush=True)
        await asyncio.sleep(lease.payload["seconds"])
    except BaseException as error:
        print("stopped by", type(error).__name__, flush=True)
        raise
    print("ends", flush=True)
    return "done"


def run(lease: Lease) -> Any:
    """A blocking handler with a program of its own, which a signal to both ends as well."""
    subprocess.run(["/bin/sh", "-c", PROGRAM, "sh", str(lease.payload["seconds"])], check=True)


async def run_async(lease: AsyncLease) -> Any:
    """The same, async."""
    told = "/bin/sh", "-c", PROGRAM, "sh", str(lease.payload["seconds"])
    program = await asyncio.create_subprocess_exec(*told)
    if code := await program.wait():
        raise OSError(code)


PROGRAM = 'echo begins; exec sleep "$1"'
"""It says itself that it begins, so that a signal finds it."""

HANDLERS: dict[str, Any] = {
    "blocking": wait,
    "async": wait_async,
    "program": run,
    "async program": run_async,
}

if __name__ == "__main__":
    kind, task = sys.argv[1:]
    worker = Worker(Client(), HANDLERS[kind], task_id=task)
    try:
        worker.run()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print("out", flush=True)
