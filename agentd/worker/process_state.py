"""Whether another process goes on, or was stopped (SIGSTOP, Ctrl-Z).

The rule this file keeps: where nobody can tell, it goes on.
"""

from pathlib import Path

_STOPPED = frozenset("Tt")
"""States of a process that waits for a signal, or a debugger, to go on (proc(5), ps(1))."""

_PS_SECONDS = 5.0


def is_stopped(pid: int) -> bool:
    """Whether that process is stopped now."""
    return _state(pid) in _STOPPED


def _state(pid: int) -> str:
    """One letter; "" where nobody can tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _state_by_ps(pid)
    # Behind the name, which is in brackets and may have brackets.
    return stat.rpartition(b") ")[2][:1].decode()


def _state_by_ps(pid: int) -> str:
    """The same where there is no /proc, as on macOS."""
    import subprocess  # noqa: PLC0415 - where there is a /proc it is not needed

    command = ("ps", "-o", "state=", "-p", str(pid))
    try:
        shown = subprocess.run(  # noqa: S603 - it is given nothing but a number
            command, capture_output=True, timeout=_PS_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout.strip()[:1].decode(errors="replace")
