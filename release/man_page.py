"""The man pages: `agentd.1`, and one for each verb or group of verbs.

The rule this file keeps: whatever stands in a page comes from the parser; where the command line
changes, `make share` writes the pages anew.
"""

import argparse
from collections.abc import Iterable, Iterator

from agentd.cli.usage import EXIT_CODES, Parser
from release import roff
from release.synopsis import listed, synopsis, term

_FILES = (
    ("~/.agentd/agent_state.db", "the database: the journal, and what is folded from it"),
    ("~/.agentd/agentd.sock", "the socket on which the daemon listens"),
    ("~/.agentd/.env", "the settings; .env.example in the source tree has them all"),
)

Below = dict[str, tuple[str, Parser]]
"""The verbs below a parser by their names, with what their parent's help says of them."""


def pages(whole: Parser, version: str, date: str) -> dict[str, str]:
    """Every page by the name of its file. `date` is the release's, YYYY-MM-DD."""
    made = {"agentd.1": _page(_of_agentd(whole), "agentd", version, date)}
    for name, (told, verb) in below(whole).items():
        lines = _of_verb(name, told, verb)
        made[f"agentd-{name}.1"] = _page(lines, f"agentd-{name}", version, date)
    return made


def below(parser: argparse.ArgumentParser) -> Below:
    """Those that the help lists, in its order."""
    for action in parser._actions:  # noqa: SLF001 - there is no other way to them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            told = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001 - the same
            return {name: (told[name], action.choices[name]) for name in told}
    return {}


def _page(lines: Iterable[str], name: str, version: str, date: str) -> str:
    head = [
        '.\\" Written by `make share` from the command line: change that, and run it again.',
        f'.TH "{roff.escape(name.upper())}" "1" "{date}" "agentd {version}" "agentd"',
        ".nh",
        ".ad l",
    ]
    return "\n".join([*head, *lines, ""])


def _of_agentd(whole: Parser) -> Iterator[str]:
    verbs = below(whole)
    yield from roff.section("NAME")
    yield roff.escape("agentd - a local daemon that keeps the state of AI agents' work")
    yield from roff.section("SYNOPSIS")
    yield f"{synopsis(whole)} {roff.italic('VERB')} ..."
    yield from roff.section("DESCRIPTION")
    yield roff.escape(whole.description or "")
    yield from roff.section("OPTIONS")
    yield from _arguments(whole)
    yield from roff.section("VERBS")
    for name, (told, _) in verbs.items():
        yield from roff.entry(f"{roff.bold(f'agentd-{name}')}(1)", told)
    yield from roff.section("FILES")
    for path, told in _FILES:
        yield from roff.entry(roff.italic(path), told)
    yield from _exit_status()


def _of_verb(name: str, told: str, verb: Parser) -> Iterator[str]:
    group = below(verb)
    yield from roff.section("NAME")
    yield roff.escape(f"agentd-{name} - {told}")
    yield from roff.section("SYNOPSIS")
    for number, one in enumerate([each for _, each in group.values()] or [verb]):
        yield from [".br"] if number else []
        yield synopsis(one)
    yield from roff.section("DESCRIPTION")
    yield roff.escape(verb.description or "")
    if group:
        yield from _of_group(verb.prog, group)
    else:
        yield from _options(verb)
    yield from _exit_status()
    yield from roff.section("SEE ALSO")
    yield f"{roff.bold('agentd')}(1)"


def _of_group(prog: str, group: Below) -> Iterator[str]:
    for name, (_, verb) in group.items():
        yield f".SH {roff.escape(f'{prog} {name}'.upper())}"
        yield roff.escape(verb.description or "")
        yield from _arguments(verb)
        yield from _details(verb)


def _options(verb: Parser) -> Iterator[str]:
    if listed(verb):
        yield from roff.section("OPTIONS")
        yield from _arguments(verb)
    if verb.details is not None:
        yield from roff.section("DETAILS")
        yield from _details(verb)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in listed(parser):
        told = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
        yield from roff.entry(term(action), told)


def _details(verb: Parser) -> Iterator[str]:
    if verb.details is not None:
        yield ".PP"
        yield from roff.verbatim(verb.details())


def _exit_status() -> Iterator[str]:
    codes, _, settings = EXIT_CODES.partition("\n\n")
    yield from roff.section("EXIT STATUS")
    for line in codes.splitlines()[1:]:
        code, told = line.strip().split("  ", 1)
        yield from roff.entry(roff.bold(code), told)
    yield from roff.section("ENVIRONMENT")
    told = " ".join(settings.split())
    yield roff.escape(f"{told[0].upper()}{told[1:]}.")
