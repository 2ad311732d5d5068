"""The socket file.

The rule this file keeps: it never takes a living daemon's place. asyncio's own binding to a path
replaces whatever socket is there, so this binds by itself: a stale socket is replaced, a live one
or anything that is not a socket is refused.
"""

import ctypes
import os
import socket
import stat
import struct
from pathlib import Path

from agentd.errors import AlreadyRunning, Failure

BACKLOG = 1_024
_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7)


class Listener:
    """A listening socket and the file it is reached by."""

    def __init__(self, path: Path) -> None:
        """Bind to `path`. Raises `Failure` or `AlreadyRunning`."""
        self._path = path
        _clear(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # the file must not be open to others even for a moment
        try:
            self.socket.bind(str(path))
        except OSError as error:
            self.socket.close()
            raise Failure(f"cannot bind the socket {path}: {error.strerror or error}") from error
        finally:
            os.umask(before)
        path.chmod(0o600)
        self.socket.listen(BACKLOG)
        self.socket.settimeout(0)
        self._identity = _identity(path)

    def remove(self) -> None:
        """Remove the file, if it is still this listener's."""
        if _identity(self._path) == self._identity:
            self._path.unlink(missing_ok=True)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    return peer(connection)[1]


def peer_name(connection: socket.socket) -> str:
    """The process at the other end, for the log."""
    return f"pid {peer(connection)[0]}"


def peer(connection: socket.socket) -> tuple[int | str, int]:
    """Process and user at the other end; where the kernel does not tell the process, a word."""
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _gid = _UCRED.unpack(credentials)
        return pid, uid
    user, group = ctypes.c_uint(), ctypes.c_uint()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getpeereid(connection.fileno(), ctypes.byref(user), ctypes.byref(group)) != 0:
        raise OSError(ctypes.get_errno(), "getpeereid failed")
    return "unknown", user.value


def _clear(path: Path) -> None:
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
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
