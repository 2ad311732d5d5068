"""A sandbox that forbids Unix sockets: a seccomp filter, as coding agents' sandboxes have one.

`python -m tests.seccomp socket COMMAND...` forbids to make any, and so does `pair`, which forbids
pairs of them as well. What is forbidden fails with EPERM.
"""

import ctypes
import os
import platform
import socket
import struct
import sys

_NUMBERS = {  # of the architecture (AUDIT_ARCH_*), of socket(2) and of socketpair(2)
    "x86_64": (0xC000003E, 41, 53),
    "aarch64": (0xC00000B7, 198, 199),
}
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of classic BPF: a word, a comparison, the end
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data

IS_KNOWN = sys.platform == "linux" and platform.machine() in _NUMBERS


def forbid_unix_sockets(*, pairs: bool) -> None:
    """For this process and all that it starts, for good. Raises `OSError`."""
    architecture, makes, makes_pair = _NUMBERS[platform.machine()]
    forbidden = (makes, makes_pair) if pairs else (makes, makes)
    program = b"".join(
        struct.pack("HBBI", *each)
        for each in (
            (_LOAD, 0, 0, _ARCHITECTURE_AT),
            (_EQUAL, 0, 6, architecture),
            (_LOAD, 0, 0, _NUMBER_AT),
            (_EQUAL, 1, 0, forbidden[0]),
            (_EQUAL, 0, 3, forbidden[1]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_EQUAL, 0, 1, socket.AF_UNIX),
            (_RETURN, 0, 0, _EPERM),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    code = ctypes.create_string_buffer(program)
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    told = ctypes.create_string_buffer(described)
    for request in (
        (_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SET_SECCOMP, _FILTER, ctypes.addressof(told), 0, 0),
    ):
        if libc.prctl(*(ctypes.c_ulong(each) for each in request)) != 0:
            raise OSError(ctypes.get_errno(), "prctl failed")


if __name__ == "__main__":
    forbid_unix_sockets(pairs=sys.argv[1] == "pair")
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - what is tried
