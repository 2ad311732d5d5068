"""Being told to stop, in a verb that takes its time.

The rule this file keeps: whoever is told to stop cleans up first, by whatever signal it was told;
except in the short moment that is not to be cut in two.
"""

import signal

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_like_an_interrupt() -> None:
    """Let SIGTERM and SIGHUP raise `KeyboardInterrupt`, as SIGINT does, unless they are ignored."""
    for number in _STOPS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def never_stop() -> None:
    """Ignore all three until the process ends, which it is about to do."""
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)
