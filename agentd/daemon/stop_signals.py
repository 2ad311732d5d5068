"""The signals that stop the daemon.

The rule this file keeps: each of them is a clean stop, a closed terminal (SIGHUP) as well, unless
whoever started the daemon keeps that from it, as nohup does.
"""

import signal


def stop_signals() -> tuple[signal.Signals, ...]:
    """SIGTERM, SIGINT, and SIGHUP where it is not ignored."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return signal.SIGTERM, signal.SIGINT
    return signal.SIGTERM, signal.SIGINT, signal.SIGHUP
