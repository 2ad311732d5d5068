"""A worker process of the loop: `python -m agentd.loop.worker TASK`.

The rule this file keeps: it ends with the loop. Its standard input is a pipe whose other end the
loop holds and never writes to; when that end closes, however the loop died, the process is gone at
once and fails no node: the lease runs out, and a worker of the next run takes over.
"""

import os
import sys
import threading

from agentd import __version__
from agentd.client import Client
from agentd.errors import Failure
from agentd.loop.chat import ChatClient
from agentd.loop.handler import AgentHandler
from agentd.loop.settings import load
from agentd.traces.export import exported_spans
from agentd.worker import Worker


def main(task_id: str) -> int:
    """Work until nothing of the task can run any more, or until SIGTERM; returns the exit code."""
    threading.Thread(target=_end_with_the_loop, daemon=True).start()
    settings = load()
    handler = AgentHandler(settings, ChatClient(settings))
    try:
        with exported_spans(os.environ, __version__, _say, str), Client() as client:
            Worker(client, handler, task_id=task_id, owner=owner_name(os.getpid())).run()
    except Failure as failure:
        _say(str(failure))
        return failure.exit_code
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr)  # noqa: T201 - the loop reads it where a worker dies


def owner_name(pid: int) -> str:
    """The name of a worker in the journal: no other run's worker is mistaken for it."""
    return f"worker-{pid}"


def _end_with_the_loop() -> None:
    os.read(0, 1)  # not sys.stdin: a thread that waits in it stops the interpreter's own end
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
