"""The command line: verbs, exit codes, and what a person sees.

The rule this package keeps: a verb imports what only it needs when it runs, so that one that reads
starts in a tenth of a second.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path

from agentd.errors import Failure, InvalidParams, LeaseLost, RequestRefused, UnknownMethod


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    from agentd.cli import usage

    given = sys.argv[1:] if arguments is None else list(arguments)
    if sys.stdout is None:  # closed by whoever started us: then nobody reads what is printed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    if sys.stderr is None:  # else print() takes standard output in its place
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    if isinstance(sys.stdout, TextIOWrapper):  # a character that it cannot say is no failure
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(given)
    except BrokenPipeError:  # the reader of our output had enough
        sys.stderr.close()
        return 0
    except (Failure, RequestRefused, LeaseLost, OSError, KeyboardInterrupt) as error:
        from agentd.cli.failures import report_failure

        if isinstance(error, UnknownMethod | InvalidParams):
            from agentd.cli.daemon_age import explain_age

            return report_failure(explain_age(error), as_json=usage.wants_json(given))
        return report_failure(error, as_json=usage.wants_json(given))


def _run(given: Sequence[str]) -> int:
    from agentd.cli.verbs import parser

    options = parser(given).parse_args(given)
    module = importlib.import_module(f"agentd.cli.{options.module}")
    run: Callable[[argparse.Namespace], int] = module.run
    return run(options)
