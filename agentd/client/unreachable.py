"""Why no daemon could be reached, each reason as an error of its own with what to do next."""

import errno
import os
import socket
from pathlib import Path

from agentd.client.starting import NOT_THERE, starting_pid
from agentd.errors import (
    ConnectionLost,
    DaemonUnreachable,
    NoAnswer,
    NobodyListens,
    NoSocket,
    NotPermitted,
    Starting,
)
from agentd.peers import peer_uid
from agentd.socket_path import too_long

_FORBIDDEN = {errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT}
"""What sandboxes answer."""

_NO_USER = 2**32 - 1
"""The user of a connection that was never made."""

_OVER_TCP = (
    "; from inside a sandbox set AGENTD_ADDRESS=tcp://127.0.0.1:PORT, and outside of it start the "
    "daemon with `agentd serve --tcp 127.0.0.1:PORT`"
)

_BY_CLIENTS = "have clients start it (AGENTD_AUTOSTART=1)"

UNKNOWN = "Whether the request was recorded is unknown: repeat it, under the same request_id"


def connect_error(path: str, error: OSError) -> DaemonUnreachable:
    """The reason why there is no connection: nothing was sent."""
    is_late = isinstance(error, BlockingIOError | TimeoutError)
    if is_late and not os.path.lexists(path):  # the time was over while a daemon started
        error = FileNotFoundError()
    if isinstance(error, NOT_THERE):
        return _nobody_listens_error(path, error)
    if is_late:
        return NoAnswer(f"no daemon let us in on {path} in time: it is busy or stopped; try again")
    if isinstance(error, PermissionError):
        return NotPermitted(
            f"permission denied on {path}: the daemon is another user's, or a sandbox forbids it"
            f"{_OVER_TCP}"
        )
    return DaemonUnreachable(
        too_long(path) or f"cannot connect to {path}: {error.strerror or error}"
    )


def no_unix_sockets_error(path: str, error: OSError) -> DaemonUnreachable:
    """Not even a socket could be made that could be connected to `path`."""
    if error.errno in _FORBIDDEN:
        return NotPermitted(f"no Unix sockets are allowed here, such as {path}{_OVER_TCP}")
    return connect_error(path, error)


def tcp_connect_error(address: str, error: OSError) -> DaemonUnreachable:
    """The same as `connect_error`, of a TCP address."""
    if isinstance(error, ConnectionRefusedError):
        return NobodyListens(
            f"nobody listens on {address}: start the daemon with `agentd serve --tcp "
            f"{address.removeprefix('tcp://')}`, or start what forwards to it"
        )
    if isinstance(error, ConnectionError):
        return NobodyListens(
            f"{address} closes without a word: what listens there is no daemon, or forwards to one "
            "that is not running"
        )
    if isinstance(error, BlockingIOError | TimeoutError):
        return NoAnswer(f"no daemon let us in on {address} in time: it is busy or stopped")
    if isinstance(error, PermissionError):
        return NotPermitted(f"permission denied on {address}: a sandbox forbids it")
    if error.errno == errno.ENETUNREACH:
        return DaemonUnreachable(
            f"cannot connect to {address}: {error.strerror}: a sandbox with a network of its own "
            "is around this, out of which no TCP leads; allow it the daemon's socket"
        )
    return DaemonUnreachable(f"cannot connect to {address}: {error.strerror or error}")


def _nobody_listens_error(path: str, error: OSError) -> DaemonUnreachable:
    pid = starting_pid(path)
    if pid is not None and os.path.lexists(path) and not Path(path).is_socket():
        return DaemonUnreachable(
            f"the daemon with pid {pid or 'unknown'} lost its socket {path}: something else is "
            "there now; move that away, and the daemon listens again within seconds"
        )
    if pid is not None:
        return Starting(
            f"the daemon with pid {pid or 'unknown'} does not listen on {path} yet: it starts "
            "(migrating a large database may take a minute: `agentd wait-ready --timeout 5m`), or "
            "lost its socket; try again in a few seconds, or look at its log"
        )
    if isinstance(error, FileNotFoundError):
        return NoSocket(
            f"no socket at {path}: start the daemon with `agentd serve`, {_BY_CLIENTS}, or set "
            "AGENTD_SOCKET_PATH"
        )
    if not Path(path).is_socket():
        return NobodyListens(
            f"nobody listens on {path}: it is not a socket; set AGENTD_SOCKET_PATH to agentd's"
        )
    return NobodyListens(
        f"nobody listens on {path}: the daemon is not running; start it with `agentd serve`, or "
        f"{_BY_CLIENTS}"
    )


def no_answer_error(path: str, seconds: float) -> NoAnswer:
    """The request was sent, and the time is over."""
    return NoAnswer(
        f"no answer on {path} in {round(seconds, 2):g} s: the daemon is busy or stopped. {UNKNOWN}"
    )


def connection_lost_error(path: str, error: OSError) -> ConnectionLost:
    """The request was sent, and then the connection broke."""
    return ConnectionLost(f"the connection to {path} broke: {error}. {UNKNOWN}")


def other_user_error(path: str, connection: socket.socket) -> NotPermitted | None:
    """Why a daemon closed without a word, where it is another user's: it serves only its own."""
    try:
        if connection.family != socket.AF_UNIX:
            return None
        user = peer_uid(connection)
    except OSError:  # where it is not connected, some systems do not tell
        return None
    if user in (os.getuid(), _NO_USER) or os.getuid() == 0:
        return None
    return NotPermitted(f"permission denied on {path}: the daemon is for user {user} only")


class NotSent(ConnectionLost):
    """The connection broke before the whole request was on its way: the daemon has not taken it."""
