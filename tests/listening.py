"""Something at the daemon's socket that is no daemon."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread


@contextmanager
def listening(home: Path, answer: Callable[[socket.socket], object]) -> Iterator[None]:
    """Something at the socket's path that reads one request and answers as it likes."""
    home.mkdir(parents=True)

    def serve() -> None:
        client, _ = server.accept()
        with client:
            client.recv(65_536)
            answer(client)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "agentd.sock"))
        server.listen()
        thread = Thread(target=serve)
        thread.start()
        yield
        thread.join()
