"""The socket that a service manager listens on for the daemon: socket activation.

The rule this file keeps: it is taken only where it is what the daemon would have made by itself, a
Unix stream that listens at the path that the settings say.
"""

import socket
import stat
from collections.abc import Mapping
from pathlib import Path

from agentd.daemon.log import logger
from agentd.errors import Failure

_ADVICE = "correct the .socket unit, or AGENTD_SOCKET_PATH"


def inherited_socket(descriptors: Mapping[int, str], path: Path) -> socket.socket | None:
    """The one that was handed over, None where none was. Raises `Failure` where it is not right."""
    if not descriptors:
        return None
    if len(descriptors) > 1:
        names = ", ".join(map(repr, descriptors.values()))
        raise Failure(
            f"{len(descriptors)} sockets were handed over ({names}), and agentd takes one, which "
            f"listens on {path}: {_ADVICE}"
        )
    [(descriptor, name)] = descriptors.items()
    try:
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise Failure(
            f"the descriptor {descriptor} ({name!r}) that was handed over is no socket: "
            f"{error.strerror}: {_ADVICE}"
        ) from error
    if (fault := _fault(made, path)) is not None:
        made.detach()  # it is not ours to close
        raise Failure(f"the socket {name!r} that was handed over {fault}: {_ADVICE}")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        logger.warning(
            "%s is open to other users, who are sent away: set SocketMode=0600 in its unit", path
        )
    made.settimeout(0)
    return made


def _fault(found: socket.socket, path: Path) -> str | None:
    """What keeps it from being the daemon's."""
    if found.family != socket.AF_UNIX or found.type != socket.SOCK_STREAM:
        return "is not a Unix stream (ListenStream= and a path)"
    if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen (Accept= has to be no)"
    name = found.getsockname()
    if not isinstance(name, str) or Path(name).resolve() != path.resolve():
        return f"listens on {name!r}, and clients look on {path}"
    return None if path.is_socket() else f"is gone: nothing is at {path}"
