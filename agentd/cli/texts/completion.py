"""`agentd completion SHELL`: a script that completes verbs, options, files, and what there is.

The rule this file keeps: shtab writes the script from the parser. Verbs, options and files are in
it; tasks, nodes, limits and labels are asked of the daemon when somebody presses TAB.
"""

import argparse
from collections.abc import Iterator

import shtab

from agentd.cli.failures import Usage
from agentd.cli.texts.completers import PREAMBLES, completer
from agentd.cli.verbs import parser

_FILES = ("FILE", "PATH")
_FOLDERS = ("DIR",)


def run(options: argparse.Namespace) -> int:
    """Print the script. Raises `Usage` for a shell that nobody wrote one for."""
    if options.shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise Usage(f"there is no completion for {options.shell!r}: there is for {known}")
    print(completion_script(options.shell))
    return 0


def completion_script(shell: str) -> str:
    """The script for one of the shells that shtab knows."""
    whole = parser()
    for verb, action in _actions(whole):
        if (asked := completer(action, verb)) is not None:
            setattr(action, "complete", asked)  # noqa: B010 - an attribute that shtab looks for
        elif action.metavar in _FILES:
            setattr(action, "complete", shtab.FILE)  # noqa: B010 - the same
        elif action.metavar in _FOLDERS:
            setattr(action, "complete", shtab.DIRECTORY)  # noqa: B010 - the same
    script: str = shtab.complete(whole, shell, preamble=PREAMBLES.get(shell, ""))
    return script


def _actions(of: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    """Every argument and option, each with its verb."""
    for action in of._actions:  # noqa: SLF001 - as shtab finds them
        yield of.prog, action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for below in action.choices.values():
                yield from _actions(below)
