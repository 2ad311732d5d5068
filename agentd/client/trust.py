"""Whose program is at the other end of a new connection.

The rule this file keeps: a daemon says what is to be done, and a worker does it, so nothing is sent
to a program of a user who could not have made us do it anyway: our own, or root. That holds for
root too. Whoever wants otherwise says so in `AGENTD_ALLOW_UID`.
"""

import os
import socket

from agentd import config
from agentd.client.unreachable import NotSent
from agentd.errors import ForeignDaemon
from agentd.peers import peer


def check(path: str, connection: socket.socket) -> None:
    """Ask the kernel who listens, before the first request.

    Raises `ForeignDaemon`; `NotSent` where the kernel does not tell, because the other end has
    closed already, say; or `BadSetting`.
    """
    try:
        pid, uid = peer(connection)
    except OSError as error:
        raise NotSent(f"the connection to {path} broke before it could be used: {error}") from error
    if uid in (os.geteuid(), config.ROOT) or uid in config.load().allowed_uids:
        return
    raise ForeignDaemon(
        f"a program of user {uid} (pid {pid}) listens on {path}, and you are user {os.geteuid()}: "
        "nothing was sent to it. Have it stopped, or set AGENTD_SOCKET_PATH to your own daemon's "
        f"socket; if you trust that user, set AGENTD_ALLOW_UID={uid}"
    )
