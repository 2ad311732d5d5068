"""`agentd setup AGENT`: what an agent needs, put into its settings, or taken out again.

The rule this file keeps: what is written is shown, looked at again after a moment, and only then
said to be done; and a person is told what only a person may confirm.
"""

import argparse
import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentd import config
from agentd.cli.extras import install_command
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data
from agentd.cli.remarks import say
from agentd.cli.setup.show import plan_data, print_looked, print_plan
from agentd.cli.setup.targets import (
    current_folder,
    unknown_target,
    wanted_scope,
    wanted_target,
)
from agentd.setup import apply
from agentd.setup.harness import HARNESSES, Scope
from agentd.setup.look import Looked, look
from agentd.setup.plan import Planned, plan_set_up, plan_undo
from agentd.setup.record import SetUp, read_record
from agentd.setup.target import Target, known_target
from agentd.setup.wanted import AUTOSTART

_MOMENT_SECS = 1.0
"""An agent that runs writes its own copy back within about a second, if it does."""


def run(options: argparse.Namespace) -> int:
    """Set up, undo it, or look. Raises `CannotSetUp`, `Usage`, `BadSetting`, `OSError`."""
    settings = config.load()
    if options.harness is None:
        if not options.check or options.project or options.user or options.program:
            raise Usage(
                "say which agent: claude, codex, cursor or gemini; see `agentd setup --help`"
            )
        return _check_all(settings.home, options)
    known = _find_record(options, settings.home)
    if options.check:
        target = known_target(known, os.environ) if known else unknown_target(options, settings)
        return _tell_looked(list(look(target, known)), options)
    if options.undo:
        target = known_target(known, os.environ) if known else unknown_target(options, settings)
        return _undo(settings.home, target, known, options)
    return _set_up(settings.home, wanted_target(options, settings), known, options)


def _find_record(options: argparse.Namespace, home: Path) -> SetUp | None:
    folder = current_folder()
    scope = wanted_scope(options, folder)
    place = str(folder) if scope is Scope.PROJECT else ""
    return read_record(home).find((options.harness, scope, place))


def _set_up(home: Path, target: Target, known: SetUp | None, options: argparse.Namespace) -> int:
    planned = plan_set_up(target, known)
    is_left = any(e.name == "entries" for each in planned for e in each.entries)
    writes = any(each.changes for each in planned)
    copies: dict[Path, Path] = {}
    gone: list[Looked] = []
    # Where somebody else wrote what is to be there, only the record has to be told.
    is_news = writes or (known is not None and not target.is_recorded(known))
    if is_news and not options.dry_run:
        copies = apply.set_up(home, target, planned)
    if writes and not options.dry_run:
        time.sleep(_MOMENT_SECS)
        record = read_record(home).find(target.as_setup({}).key)
        gone = [each for each in look(target, record) if each.problem]
    _tell(target, planned, copies, gone, options)
    if not options.json:
        _remark(target, copies, gone, options, writes=writes)
    return 1 if gone or (is_left and not options.dry_run) else 0


def _undo(home: Path, target: Target, known: SetUp | None, options: argparse.Namespace) -> int:
    planned = plan_undo(target, known)
    if not options.dry_run:
        apply.undo(home, target, planned)
    _tell(target, planned, {}, [], options)
    if not options.json and not any(each.changes for each in planned):
        say(f"nothing of agentd's is in the settings of {target.title}")
    return 0


def _check_all(home: Path, options: argparse.Namespace) -> int:
    known = [each for each in read_record(home).setups if each.is_there]
    looked = [each for one in known for each in look(known_target(one, os.environ), one)]
    if not known and not options.json:
        say("nothing was set up: `agentd setup claude` does it for Claude Code")
    return _tell_looked(looked, options)


def _tell_looked(looked: Sequence[Looked], options: argparse.Namespace) -> int:
    if options.json:
        print_data({"entries": looked})
    else:
        print_looked(looked)
    return 1 if any(each.problem for each in looked) else 0


def _tell(
    target: Target,
    planned: Sequence[Planned],
    copies: dict[Path, Path],
    gone: Sequence[Looked],
    options: argparse.Namespace,
) -> None:
    if not options.json:
        print_plan(planned)
        return
    print_data(
        {
            "harness": target.harness,
            "scope": target.scope,
            "folder": str(target.folder) if target.scope is Scope.PROJECT else None,
            "dry_run": options.dry_run,
            "files": plan_data(planned, copies),
            "gone": gone,
            "confirm": target.confirm,
            "needs": [] if options.undo else list(_needs(target, options)),
        }
    )


def _remark(
    target: Target,
    copies: dict[Path, Path],
    gone: Sequence[Looked],
    options: argparse.Namespace,
    *,
    writes: bool,
) -> None:
    """What a person has to know besides."""
    for copy in copies.values():
        say(f"what was there before is kept: {copy}")
    for each in gone:
        say(
            f"{each.path}: {each.entry}: {each.problem}: an agent that runs wrote its own copy"
            " back: end it, and run this again"
        )
    if not writes:
        say(f"{target.title}: all is in place, nothing was written")
    elif options.dry_run:
        say(f"{target.title}: nothing was written: leave out --dry-run to do it")
    elif not gone:
        say(f"{target.title}: {target.confirm}")
    for need in _needs(target, options):
        say(need)


def _needs(target: Target, options: argparse.Namespace) -> Iterator[str]:
    """What is neither in this installation nor in the files, and has to be there as well."""
    given = [name for name in target.wanted.environment if name != AUTOSTART]
    if given:
        yield (
            f"start {HARNESSES[target.harness].title} with {' and '.join(given)} set as now: its "
            "hooks and its shell find the daemon by that, and only the MCP server by its settings"
        )
    if importlib.util.find_spec("mcp") is None and not options.program:
        yield (
            "the MCP server needs the extra `mcp`, which is not installed: "
            f"`{install_command('mcp', ('mcp',))}`"
        )
