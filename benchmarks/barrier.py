"""Rule: workers start together, and report only when the last of them is done.

Worker processes connect first and wait behind a barrier, and wait behind another before
they report: neither Python's start and end nor the connections are part of what is measured.
Both sides of the two barriers are here; they speak through the worker's stdin and stdout.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from time import process_time

import msgspec

from benchmarks.account import Account


def run_workers(command: Sequence[str], workers: int) -> list[Account]:
    """Run `python -m COMMAND NAME` that many times and return what each worker saw."""
    return run_each([command] * workers)


def run_each(
    commands: Sequence[Sequence[str]], look: Callable[[], object] = lambda: None
) -> list[Account]:
    """Run `python -m COMMAND NAME` for each of the commands and return what each worker saw.

    `look` is called when all have connected, and when all are done.
    """
    processes = [_spawn([*command, f"worker-{number}"]) for number, command in enumerate(commands)]
    try:
        _wait_for(processes, b"ready\n")
        look()
        _tell(processes)
        _wait_for(processes, b"drained\n")
        look()
        _tell(processes)
        return [
            msgspec.json.decode(process.communicate()[0], type=Account) for process in processes
        ]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def drain_behind(drain: Callable[[], Account]) -> None:
    """Be one of the workers: call this when connected. The account goes to stdout."""
    # Ctrl-C reaches every process of a terminal: who started this one has the say on it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print("ready", flush=True)
    sys.stdin.readline()
    began = process_time()
    account = drain()
    account.processor = process_time() - began
    # Whoever is done first would take processor time from the others with its report.
    print("drained", flush=True)
    sys.stdin.readline()
    print(msgspec.json.encode(account).decode(), flush=True)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _wait_for(processes: list[subprocess.Popen[bytes]], word: bytes) -> None:
    for process in processes:
        assert process.stdout is not None
        if (said := process.stdout.readline()) != word:
            raise RuntimeError(f"a worker said {said!r} instead of {word!r}")


def _tell(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
