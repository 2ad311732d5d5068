"""Sockets: who is at the other end.

The rule this file keeps: the kernel says it, never the other end. It knows process and user of a
Unix socket's; over TCP it knows neither, and who is there has to prove what it knows (`proof`).
"""

import ctypes
import select
import socket
import struct

_UCRED = struct.Struct("iII")  # pid, uid, gid: unix(7)


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end, as the kernel knows it."""
    return peer(connection)[1]


def peer_name(connection: socket.socket) -> str:
    """The process at the other end, or the address over TCP, for the log."""
    if connection.family == socket.AF_UNIX:
        return f"pid {peer(connection)[0]}"
    try:
        host, port, *_ = connection.getpeername()
    except OSError:  # it is gone
        return "a client over TCP"
    return f"{host} port {port} over TCP"


def peer(connection: socket.socket) -> tuple[int | str, int]:
    """Process and user at the other end; where the kernel does not tell the process, a word.

    Of a daemon they are those that began to listen: SO_PEERCRED on Linux; elsewhere getpeereid(3),
    which asks for LOCAL_PEERCRED (macOS and the BSDs, unix(4)). Raises `OSError` where there is
    nobody, or nobody any more.
    """
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _gid = _UCRED.unpack(credentials)
        return pid, uid
    user, group = ctypes.c_uint(), ctypes.c_uint()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getpeereid(connection.fileno(), ctypes.byref(user), ctypes.byref(group)) != 0:
        raise OSError(ctypes.get_errno(), "getpeereid failed")
    return "unknown", user.value


def has_hung_up(descriptor: int) -> bool:
    """Whether the other end is gone, and has not only closed its sending side.

    Over TCP that is known once something was sent that nobody was there to take.
    """
    watched = select.poll()
    watched.register(descriptor, 0)  # hanging up is told in any case
    return bool(watched.poll(0))
