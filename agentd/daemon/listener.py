"""The socket file.

The rule this file keeps: it never takes a living daemon's place. asyncio's own binding to a path
replaces whatever socket is there, so this binds by itself: a stale socket is replaced, a live one
or anything that is not a socket is refused.
"""

import errno
import os
import socket
import stat
from pathlib import Path

from agentd.errors import AlreadyRunning, Failure
from agentd.peers import peer

BACKLOG = 1_024


class Listener:
    """A listening socket and the file it is reached by."""

    def __init__(self, path: Path, inherited: socket.socket | None = None) -> None:
        """Bind to `path`; a stale socket there is replaced. Raises `Failure`, `AlreadyRunning`.

        One that is `inherited` listens there already, and its file is left to whoever made it.
        """
        self.path = path
        self.is_inherited = inherited is not None
        self._identity: tuple[int, int] | None = None
        if inherited is None:
            _remove_stale(path)
            self.socket = self.bind()
        else:
            self.socket, self._identity = inherited, _identity(path)

    def bind(self) -> socket.socket:
        """Another socket at the same path, where nothing may be. Raises `Failure`."""
        try:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as error:
            raise Failure(
                f"cannot make a socket: {error.strerror or error}: does a sandbox forbid it?"
            ) from error
        before = os.umask(0o177)  # the file must not be open to others even for a moment
        try:
            made.bind(str(self.path))
            self.path.chmod(0o600)
        except OSError as error:
            made.close()
            why = error.strerror or error
            if error.errno == errno.EADDRINUSE and os.path.lexists(self.path):
                what = "another socket" if self.path.is_socket() else "what is not a socket"
                why = f"{what} has come in its place: move it away"
            raise Failure(f"cannot bind the socket {self.path}: {why}") from error
        finally:
            os.umask(before)
        made.listen(BACKLOG)
        made.settimeout(0)
        self.is_inherited, self._identity = False, _identity(self.path)
        return made

    def is_there(self) -> bool:
        """Whether the file is still this listener's."""
        return self._identity is not None and _identity(self.path) == self._identity

    def remove(self) -> None:
        """Remove the file, if it is still this listener's, and it made it."""
        if self.is_there() and not self.is_inherited:
            self.path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failure(f"cannot use AGENTD_SOCKET_PATH={path}: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise Failure(f"{path} exists and is not a socket: move it away, or set AGENTD_SOCKET_PATH")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)  # nobody listens: a crashed daemon left it
    except OSError as error:
        raise Failure(
            f"cannot tell who owns the socket {path}: {error.strerror or error}"
        ) from error
    else:
        raise AlreadyRunning(
            f"another daemon, pid {peer(probe)[0]}, answers on {path}: "
            "stop it, or set AGENTD_SOCKET_PATH"
        )
    finally:
        probe.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path, whatever its name; None where there is none, or none to be seen."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
