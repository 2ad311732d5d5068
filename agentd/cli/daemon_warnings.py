"""What is said beside a result, to a person: mostly by the daemon.

The rule this file keeps: it is said on standard error, a line each, whichever verb was told it; the
result is not changed by it.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import msgspec

from agentd.text import printable


class _Result(msgspec.Struct):
    warnings: list[str] | None = None


@contextmanager
def print_warnings() -> Iterator[None]:
    """Say the warnings of a verb's client as the program says things, whatever Python's filters."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        other = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if category is UserWarning:
                print_warning(str(message))
            else:
                other(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


def print_result_warnings(result: bytes) -> None:
    """Say what is in the `warnings` of a result that is not decoded otherwise."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        for told in msgspec.json.decode(result, type=_Result).warnings or ():
            print_warning(told)


def print_warning(told: str) -> None:
    """Say it, a line."""
    with suppress(OSError):  # nobody reads it
        print(f"agentd: warning: {printable(told)}", file=sys.stderr, flush=True)
