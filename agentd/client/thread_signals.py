"""Which thread is told of a signal.

The rule this file keeps: the main thread knows of a signal before it hears from a helper thread of
anything that came later. Delivered to the helper, the news of the signal could be overtaken.
"""

import signal


def leave_signals_to_main_thread() -> None:
    """Have the kernel deliver SIGINT and SIGTERM to another thread than the one that calls this.

    Not for a thread that starts programs: they would inherit it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
