"""A verb's arguments and options, as a man page writes them.

The rule this file keeps: it is made from the parser alone and the same under every Python, which
argparse's own usage lines are not.
"""

import argparse
from collections.abc import Iterator

from release.roff import bold, escape, italic

_HIDDEN = argparse.SUPPRESS


def listed(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What its help lists, the help's own option left out."""
    return [
        each
        for each in parser._actions  # noqa: SLF001 - there is no other way to them
        if not isinstance(each, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001 - the same
        and each.help != _HIDDEN
    ]


def value(action: argparse.Action) -> str:
    """What stands for an argument's value, in roff; "" where it has none."""
    if action.nargs == 0:
        return ""
    if action.metavar is None and action.choices:
        return "|".join(bold(str(each)) for each in action.choices)
    name = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    written = italic(str(name))
    match action.nargs:
        case argparse.ONE_OR_MORE:
            return f"{written} [{written} ...]"
        case argparse.ZERO_OR_MORE:
            return f"[{written} ...]"
        case argparse.OPTIONAL:
            return f"[{written}]"
        case _:
            return written


def term(action: argparse.Action) -> str:
    """An argument, or an option with all its spellings, as the head of what is told of it."""
    parts = [bold(each) for each in action.option_strings]
    return " ".join(part for part in (", ".join(parts), value(action)) if part)


def synopsis(parser: argparse.ArgumentParser) -> str:
    """The line that shows how it is called."""
    if parser.usage is not None:
        program, rest = parser.prog, parser.usage.removeprefix(parser.prog)
        return f"{bold(program)}{escape(rest)}"
    actions = sorted(listed(parser), key=lambda each: not each.option_strings)
    return " ".join([bold(parser.prog), *_parts(parser, actions)])


def _parts(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> Iterator[str]:
    groups = parser._mutually_exclusive_groups  # noqa: SLF001 - there is no other way to them
    of = {id(each): group for group in groups for each in group._group_actions}  # noqa: SLF001 - the same
    told = set()
    for action in actions:
        group = of.get(id(action))
        if group is None:
            yield _part(action)
        elif id(group) not in told:
            told.add(id(group))
            choice = " | ".join(_bare(each) for each in group._group_actions)  # noqa: SLF001 - the same
            yield f"({choice})" if group.required else f"[{choice}]"


def _part(action: argparse.Action) -> str:
    if not action.option_strings or action.required:
        return _bare(action)
    return f"[{_bare(action)}]"


def _bare(action: argparse.Action) -> str:
    option = bold(action.option_strings[-1]) if action.option_strings else ""
    return " ".join(part for part in (option, value(action)) if part)
