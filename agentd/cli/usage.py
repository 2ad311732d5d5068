"""How a verb takes its arguments, and what its help looks like.

The rule this file keeps: every verb's help ends with the exit codes, and a command line that is not
understood is a failure like others, for whoever reads `--json` too.
"""

import argparse
import math
import re
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from agentd.cli.failures import Usage

EXIT_CODES = """\
exit codes:
  0  ok
  1  refused or failed
  2  usage, or a setting that does not parse
  3  daemon not reachable
  4  another agentd is already running on this home or database
  5  the database is refused: newer, not agentd's, corrupt or empty
  6  the disk failed to keep what was written
  130  interrupted

settings are read from the environment and the env file, ~/.agentd/.env or
$AGENTD_HOME/.env; see .env.example, and `agentd doctor` for those in force
"""


_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
"""How argparse refuses a verb, or another word out of several."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help with a column for the longest verb: argparse does not count how far it is indented."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 14


class Parser(argparse.ArgumentParser):
    """A parser whose help may have a part that is worked out only when somebody asks for help."""

    details: Callable[[], str] | None = None

    command: str | None = None
    """Where it takes a command behind `--`, an example of one."""

    def format_help(self) -> str:
        """The help, with its details."""
        if self.details is not None:
            self.epilog = f"{self.details()}\n{EXIT_CODES}"
        return super().format_help()

    def parse_known_args(  # type: ignore[override] # as argparse calls it
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """What argparse makes of them; an argument that may be left out may come behind options.

        argparse takes it for left out as soon as an option follows the arguments before it.
        """
        if self.command is not None:
            return self._parse_with_command(list(args or ()), namespace)
        found, rest = super().parse_known_args(args, namespace)
        for action in self._get_positional_actions():
            if action.nargs == argparse.OPTIONAL and getattr(found, action.dest) is None:
                rest = _take_argument(found, action.dest, rest)
        if rest and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def _parse_with_command(
        self, args: list[str], namespace: argparse.Namespace | None
    ) -> tuple[argparse.Namespace, list[str]]:
        """The options before `--`, and the command behind it, whatever its own options are."""
        at = args.index("--") if "--" in args else len(args)
        ours, command = args[:at], args[at + 1 :]
        if not command and not {"-h", "--help"} & set(ours):
            self.error(f"the command stands behind `--`, as in `{self.command}`")
        found, rest = super().parse_known_args(ours, namespace)
        if rest:
            self.error(f"unrecognized arguments before `--`: {' '.join(rest)}")
        found.command = command
        return found, []

    def error(self, message: str) -> NoReturn:
        """Raise `Usage`."""
        if found := _CHOICE.search(message):
            from agentd.suggestion import closest_name

            if meant := closest_name(found[1], found[2].replace("'", "").split(", ")):
                message = message.replace("(choose", f"(did you mean `{meant}`? choose", 1)
        raise Usage(f"{message}; see `{self.prog} --help`", self.format_usage())


def _take_argument(found: argparse.Namespace, name: str, rest: list[str]) -> list[str]:
    """What is left when the argument of that name took the one that is there."""
    marked = rest[:1] == ["--"]
    match rest[marked:]:
        case [given] if marked or given == "-" or not given.startswith("-"):
            setattr(found, name, given)
            return []
    return rest


class Verb(NamedTuple):
    """One verb: the module in this package that runs it, and what adds its options."""

    name: str
    module: str
    help: str
    add_options: Callable[[Parser], None] | None = None
    json: bool = True


class Group(NamedTuple):
    """Verbs of their own below one: `agentd NAME VERB`."""

    name: str
    help: str
    verbs: Sequence[Verb]


def add_verbs(to: Parser, verbs: Sequence[Verb | Group], *, required: bool = False) -> None:
    """Give a parser its verbs, each with a parser of its own."""
    below = to.add_subparsers(metavar="VERB", title="verbs", required=required, parser_class=Parser)
    for verb in verbs:
        made = below.add_parser(
            verb.name,
            help=verb.help,
            description=verb.help[0].upper() + verb.help[1:] + ".",
            epilog=EXIT_CODES,
            formatter_class=Help,
            allow_abbrev=False,
        )
        if isinstance(verb, Group):
            made.set_defaults(module="")
            add_verbs(made, verb.verbs, required=True)
            continue
        made.set_defaults(module=verb.module)
        if verb.json:
            made.add_argument("--json", action="store_true", help="print one JSON envelope")
        if verb.add_options is not None:
            verb.add_options(made)


def positive_seconds(text: str) -> float:
    """A time to wait, more than nothing and less than for ever."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0")
    return number


_LONGEST_SECS = 31_536_000


def duration(text: str) -> float:
    """A time in seconds, of a year at most."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _LONGEST_SECS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, from 0 to {_LONGEST_SECS:,}")
    return number


_SECONDS = re.compile(r"-?\d{1,15}(?:\.\d+)?", re.ASCII)


def moment(text: str) -> float | str:
    """Unix seconds, as other verbs print them, as a number; whatever else it is as it stands."""
    if not _SECONDS.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def label(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, separator, value = text.partition("=")
    if not (name and separator and value):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE")
    return name, value


def amount(text: str) -> tuple[str, int | float]:
    """UNIT=AMOUNT, a number as it was written."""
    unit, _, number = text.partition("=")
    try:
        given = int(number) if number.isdigit() else float(number)
    except ValueError:
        given = -1
    if not unit or not 0 <= given < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected UNIT=AMOUNT, such as usd=2.5")
    return unit, given


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """The type of a whole number between the two."""

    def parse(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and least <= int(text[:20]) <= most):
            raise argparse.ArgumentTypeError(
                f"{text!r}: expected a whole number from {least} to {most:,}"
            )
        return int(text)

    return parse


def wants_json(arguments: Sequence[str]) -> bool:
    """Was an envelope asked for? A command behind `--` has options of its own."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in ours
