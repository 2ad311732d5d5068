"""The command line: verbs, exit codes, and what a person sees.

Exit codes: 0 ok, 1 refused or failed, 2 usage or a bad setting, 3 daemon not reachable, 4 already
running, 5 database refused, 6 disk failed. The rule this package keeps: a verb imports what only it
needs when it runs, so that `agentd call` starts in a tenth of a second.
"""

import argparse
import importlib
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from agentd import __version__
from agentd.errors import Failure, RequestRefused

_EXIT_CODES = """\
exit codes:
  0  ok
  1  refused or failed
  2  usage, or a setting that does not parse
  3  daemon not reachable
  4  another agentd is already running on this home or database
  5  the database is refused: newer, not agentd's, corrupt or empty
  6  the disk failed to keep what was written
  130  interrupted

settings are read from the environment and ~/.agentd/.env; see .env.example
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if sys.stdout is None:  # closed by whoever started us: then nobody reads what is printed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    try:
        return _run(options)
    except Failure as failure:
        print(f"agentd: {failure}", file=sys.stderr)
        return failure.exit_code
    except RequestRefused as refusal:
        print(f"agentd: {refusal.message} ({refusal.data.get('kind')})", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output had enough
        sys.stderr.close()
        return 0
    except OSError as error:  # no file is named where it is the output that fails
        print(f"agentd: {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    verb = options.verb or "serve"
    module = importlib.import_module(f"agentd.cli.{verb}")
    run: Callable[[argparse.Namespace], int] = module.run
    return run(options)


class _Parser(argparse.ArgumentParser):
    """A parser whose help may have a part that is worked out only when somebody asks for help."""

    details: Callable[[], str] | None = None

    def format_help(self) -> str:
        if self.details is not None:
            self.epilog = f"{self.details()}\n{_EXIT_CODES}"
        return super().format_help()


def _methods() -> str:
    from agentd.methods import METHODS

    lines = ["methods:"]
    for method in METHODS:
        lines += textwrap.wrap(
            method.summary, 78, initial_indent=f"  {method.name:19}", subsequent_indent=" " * 21
        )
    return "\n".join(lines) + "\n"


def _json_form() -> str:
    from agentd.cli.doctor import JSON_FORM

    return JSON_FORM


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="agentd",
        description="A local daemon that keeps the state of AI agents' work.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"agentd {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    _add(verbs, "serve", "run the daemon in the foreground (also when no verb is given)")
    _add_call(verbs)
    _add(verbs, "status", "show the daemon's health and metrics")
    _add_replay(verbs)
    _add_backup(verbs)
    _add_restore(verbs)
    _add_doctor(verbs)
    return parser


def _add(verbs: "argparse._SubParsersAction[_Parser]", name: str, help_: str) -> _Parser:
    return verbs.add_parser(
        name,
        help=help_,
        description=help_[0].upper() + help_[1:] + ".",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _seconds(text: str) -> float:
    """A time to wait, more than nothing and less than for ever."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0")
    return seconds


def _add_call(verbs: "argparse._SubParsersAction[_Parser]") -> None:
    verb = _add(verbs, "call", "send one request and print its result")
    verb.details = _methods
    verb.add_argument("method", metavar="METHOD", help="one of those below, or an alias of it")
    verb.add_argument(
        "params",
        metavar="JSON",
        nargs="?",
        default="{}",
        help="the params, or - for standard input",
    )
    verb.add_argument(
        "--timeout", type=_seconds, default=30.0, help="seconds to wait (default: 30)"
    )


def _add_replay(verbs: "argparse._SubParsersAction[_Parser]") -> None:
    verb = _add(
        verbs, "replay", "rebuild the projections from the journal, check them, or look back"
    )
    what = verb.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="compare without writing: rows, hash chains, edges"
    )
    what.add_argument(
        "--until",
        metavar="SEQ|TIME",
        help="print a task as it was after that seq, or at that time (RFC 3339)",
    )
    verb.add_argument("--task", metavar="ID", help="the task to print, with --until")


def _add_backup(verbs: "argparse._SubParsersAction[_Parser]") -> None:
    verb = _add(verbs, "backup", "copy the database to a file and verify it; the daemon may go on")
    verb.add_argument("path", metavar="PATH", type=Path, help="the file to write")
    verb.add_argument("--force", action="store_true", help="replace the file, if it is there")


def _add_restore(verbs: "argparse._SubParsersAction[_Parser]") -> None:
    verb = _add(
        verbs, "restore", "verify a backup and put it in the database's place; the old one is kept"
    )
    verb.add_argument("path", metavar="PATH", type=Path, help="the backup; it is never changed")


def _add_doctor(verbs: "argparse._SubParsersAction[_Parser]") -> None:
    verb = _add(verbs, "doctor", "check settings, files, daemon and database, and say what to do")
    verb.details = _json_form
    verb.add_argument("--json", action="store_true", help="print the findings as JSON")
