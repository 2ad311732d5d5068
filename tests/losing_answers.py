"""A socket before a daemon that loses the first answer to every method.

The rule this file keeps: the daemon has done what it was asked before its answer is lost.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.daemon_process import DaemonProcess


@contextlib.contextmanager
def losing_answers(daemon: DaemonProcess, path: Path) -> Iterator[list[str]]:
    """Listen on the path until the block ends; gives the methods whose answer was lost."""
    lost: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, daemon, lost))
        thread.start()
        try:
            yield lost
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, with an error
            thread.join()


def _serve(listener: socket.socket, daemon: DaemonProcess, lost: list[str]) -> None:
    with contextlib.ExitStack() as clients:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the test is over
                return
            thread = threading.Thread(target=_relay, args=(client, daemon, lost))
            thread.start()
            clients.callback(thread.join)


def _relay(client: socket.socket, daemon: DaemonProcess, lost: list[str]) -> None:
    with client, client.makefile("rb") as lines, daemon.connect() as connection:
        for line in lines:
            answer = connection.ask(line.rstrip(b"\n"))
            method = json.loads(line)["method"]
            if method not in lost:
                lost.append(method)
                return
            client.sendall(answer + b"\n")
