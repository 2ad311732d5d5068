"""How a verb takes its arguments, and what its help looks like.

The rule this file keeps: every verb's help ends with the exit codes, and a command line that is not
understood is a failure like others, for whoever reads `--json` too.
"""

import argparse
import math
import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from agentd.cli.failures import Usage

if TYPE_CHECKING:
    from agentd.cli.meant_verb import Table

EXIT_CODES = """\
exit codes:
  0  ok
  1  refused or failed
  2  usage, or a setting that does not parse
  3  daemon not reachable
  4  another agentd is already running on this home or database
  5  the database is refused: newer, not agentd's, corrupt or empty
  6  the disk failed to keep what was written
  10  FAILED, the task that was waited for or watched
  11  CANCELLED, likewise
  75  somebody else has the lock
  124  not ended when the time of `task wait --timeout` was over
  130  interrupted

settings are read from the environment and the env file, ~/.agentd/.env or
$AGENTD_HOME/.env; see .env.example, and `agentd doctor` for those in force
"""


_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
"""How argparse refuses a word out of several."""

_NO_VALUE = re.compile(r"argument (--[\w-]+): expected one argument")
"""How it refuses an option without its value."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help with a column for the longest verb: argparse does not count how far it is indented."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 19


class Parser(argparse.ArgumentParser):
    """A parser whose help may have a part that is worked out only when somebody asks for help."""

    details: Callable[[], str] | None = None

    command: str | None = None
    """Where it takes a command behind `--`, an example of one."""

    table: "Table" = MappingProxyType({})
    """All verbs of the whole command line."""

    _given: Sequence[str] = ()

    def format_help(self) -> str:
        """The help, with its details."""
        if self.details is not None:
            self.epilog = f"{self.details()}\n{EXIT_CODES}"
        return super().format_help()

    def parse_known_args(  # type: ignore[override] # as argparse calls it
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """What argparse makes of them; arguments that may be left out may come behind options.

        argparse takes them for left out as soon as an option follows the arguments before them.
        """
        self._given = args or ()
        if self.command is not None:
            return self._parse_with_command(list(self._given), namespace)
        found, rest = super().parse_known_args(args, namespace)
        for action in self._get_positional_actions():
            if action.nargs in (argparse.OPTIONAL, argparse.ZERO_OR_MORE):
                rest = self._take_arguments(found, action, rest)
        if rest and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(rest)}{self._meant_option(rest[0])}")
        return found, rest

    def _take_arguments(
        self, found: argparse.Namespace, action: argparse.Action, rest: list[str]
    ) -> list[str]:
        """What is left when an argument took what is there for it."""
        marked = rest[:1] == ["--"]
        given, before = rest[marked:], getattr(found, action.dest)
        if not marked and any(each != "-" and each.startswith("-") for each in given):
            return rest
        if action.nargs == argparse.ZERO_OR_MORE:
            try:
                more = [self._get_value(action, each) for each in given]
            except argparse.ArgumentError as error:
                self.error(str(error))
            setattr(found, action.dest, [*before, *more])
            return []
        if before is None and len(given) == 1:
            setattr(found, action.dest, given[0])
            return []
        return rest

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
            told = f"{' '.join(rest)}{self._meant_option(rest[0])}"
            self.error(f"unrecognized arguments before `--`: {told}")
        found.command = command
        return found, []

    def _meant_option(self, given: str) -> str:
        """The option that may have been meant by one that there is not."""
        if not given.startswith("--"):
            return ""
        from agentd.suggestion import closest_name

        name = given.partition("=")[0]
        meant = closest_name(name, [each for each in self._option_string_actions if each != name])
        return f" (did you mean `{meant}`?)" if meant else ""

    def _value_like_an_option(self, option: str) -> str:
        """How to write the value that stands behind an option, and begins as options do."""
        given = [*self._given, option, ""]
        value = given[given.index(option) + 1]
        if not value.startswith("-") or value in self._option_string_actions:
            return ""
        return f", and {value!r} looks like an option: as a value it is `{option}={value}`"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse calls it for what is to be one of several."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:  # noqa: SLF001 - what takes a verb
            self._refuse_verb(value)
        super()._check_value(action, value)

    def _refuse_verb(self, word: str) -> NoReturn:
        from agentd.cli.meant_verb import meant_verbs

        group = self.prog.partition(" ")[2]
        behind = self._given[self._given.index(word) + 1 :]
        meant = " or ".join(
            f"`agentd {verb}`" for verb in meant_verbs(group, word, behind, self.table)
        )
        of = f" of `{self.prog}`" if group else ""
        hint = f" (did you mean {meant}?)" if meant else ""
        self.error(f"there is no verb {word!r}{of}{hint}")

    def error(self, message: str) -> NoReturn:
        """Raise `Usage`."""
        if found := _NO_VALUE.fullmatch(message):
            message += self._value_like_an_option(found[1])
        if found := _CHOICE.search(message):
            from agentd.suggestion import closest_name

            if meant := closest_name(found[1], found[2].replace("'", "").split(", ")):
                message = message.replace("(choose", f"(did you mean `{meant}`? choose", 1)
        raise Usage(f"{message}; see `{self.prog} --help`", self.format_usage())


class Verb(NamedTuple):
    """One verb: the module in this package that runs it, and what adds its options."""

    name: str
    module: str
    help: str
    add_options: Callable[[Parser], None] | None = None
    json: bool = True
    hidden: bool = False
    """For scripts of our own: no help lists it."""


class Group(NamedTuple):
    """Verbs of their own below one: `agentd NAME VERB`."""

    name: str
    help: str
    verbs: Sequence[Verb]


def add_verbs(
    to: Parser,
    verbs: Sequence[Verb | Group],
    given: Sequence[str] | None = None,
    *,
    required: bool = False,
) -> None:
    """Give a parser its verbs, each with a parser of its own.

    What a verb takes is added where it is among the words that are `given`: all of it would take
    each start 8 ms or so.
    """
    to.table = to.table or _names(verbs)
    below = to.add_subparsers(metavar="VERB", title="verbs", required=required, parser_class=Parser)
    for verb in verbs:
        made = below.add_parser(
            verb.name,
            **_help_of(verb),
            description=verb.help[0].upper() + verb.help[1:] + ".",
            epilog=EXIT_CODES,
            formatter_class=Help,
            allow_abbrev=False,
        )
        if given is not None and verb.name not in given:
            continue
        if isinstance(verb, Group):
            made.set_defaults(module="")
            made.table = to.table
            add_verbs(made, verb.verbs, given, required=True)
            continue
        made.set_defaults(module=verb.module)
        if verb.json:
            made.add_argument("--json", action="store_true", help="print one JSON envelope")
        if verb.add_options is not None:
            verb.add_options(made)


def _names(verbs: Sequence[Verb | Group]) -> "Table":
    """Those that are listed, by their names."""
    return {
        verb.name: [each.name for each in verb.verbs] if isinstance(verb, Group) else ()
        for verb in verbs
        if _help_of(verb)
    }


def _help_of(verb: Verb | Group) -> dict[str, Any]:
    """What lists a verb in the help; argparse does not list one that is given no help at all."""
    return {} if isinstance(verb, Verb) and verb.hidden else {"help": verb.help}


def positive_seconds(text: str) -> float:
    """A time to wait, more than none."""
    if not (found := duration(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: expected more than 0, such as 30s or 5m")
    return found


def duration(text: str) -> float:
    """A time in seconds, of a year at most, as `agentd.durations` reads it."""
    from agentd.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
