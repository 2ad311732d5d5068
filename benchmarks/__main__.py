"""Rule: every measurement has a name, is in one table, and can be run alone.

`python -m benchmarks [NAME ...] [--quick] [--json FILE]`. A missed bar is printed and does
not change the exit code; a measurement that could not be made ends with exit code 1.
`against=COMMIT` is a table of its own.
"""

import argparse
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import (
    against,
    anywhere,
    client,
    commands,
    contexts,
    dispatch,
    drawing,
    forks,
    growth,
    heartbeats,
    locks,
    machine,
    mcp,
    others,
    processes,
    rehearsing,
    report,
    resident,
    scale,
    scraping,
    side_by_side,
    status,
    taking_over,
    tcp,
    throughput,
    top,
    ui,
    views,
)
from benchmarks.commit import NotFound, code_of, find_commit
from benchmarks.daemons import TREE, DidNotStart
from benchmarks.machines import machines
from benchmarks.run import Run
from benchmarks.sequencing import sequencing

MEASUREMENTS: dict[str, Callable[[Run], list[report.Row]]] = {
    "drain": throughput.eight_workers,
    "drain-context": throughput.eight_workers_with_context,
    "one-worker": throughput.one_worker,
    "acquire": scale.acquire,
    "anywhere": anywhere.anywhere,
    "register": scale.register,
    "add": scale.add,
    "status": status.task_status,
    "others": others.others,
    "idle": resident.idle,
    "start": processes.start,
    "replay": processes.replay,
    "rehearse": rehearsing.rehearse,
    "call": processes.call,
    "task-list": processes.task_list,
    "client": client.client,
    "growth": growth.growth,
    "dispatch": dispatch.dispatch,
    "drawing": drawing.drawing,
    "heartbeats": heartbeats.heartbeats,
    "contexts": contexts.contexts,
    "commands": commands.commands,
    "one-call": throughput.one_call,
    "fork": forks.fork,
    "taking-over": taking_over.taking_over,
    "locks": locks.locks,
    "mcp": mcp.mcp,
    "tcp": tcp.tcp,
    "top": top.top,
    "scraping": scraping.scraping,
    "ui": ui.ui,
    "views": views.views,
    "sequencing": sequencing.sequencing,
    "machines": machines.machines,
    **side_by_side.MEASUREMENTS,
}
FIGURES = Path(__file__).parent / "figures"
GROUPS = {"peers": list(side_by_side.MEASUREMENTS)}
AGAINST = "against="


def main() -> int:
    """Run what was asked for and return the exit code."""
    options = _options()
    if options.against is None:
        return _measure(options)
    try:
        _measure_against(options)
    except (NotFound, DidNotStart) as trouble:
        print(f"{AGAINST}{options.against}: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _measure_against(options: argparse.Namespace) -> None:
    """Raises NotFound, or DidNotStart where the commit's daemon does not run under this Python."""
    commit = find_commit(TREE, options.against)
    with code_of(commit) as code:
        host = machine.describe()
        print(report.format_machine(host))
        print(against.header(commit), flush=True)
        comparisons = []
        rounds = against.FEWEST_ROUNDS if options.quick else against.ROUNDS
        for comparison in against.compare(code, rounds):
            comparisons.append(comparison)
            print(against.format_comparison(comparison), flush=True)
    if options.json:
        report.write_json(options.json, host, {f"{AGAINST}{commit.id}": comparisons})


def _measure(options: argparse.Namespace) -> int:
    host = machine.describe()
    print(report.format_machine(host))
    print(report.header(), flush=True)
    rows: dict[str, list[report.Row]] = {}
    crashed = False
    with ExitStack() as stack:
        run = Run(stack, quick=options.quick, figures=options.figures)
        for name in options.names or MEASUREMENTS:
            try:
                rows[name] = MEASUREMENTS[name](run)
            except Exception:  # noqa: BLE001 - one failure must not cost the other figures
                crashed = True
                print(f"{name}: could not be measured", flush=True)
                traceback.print_exc()
            for row in rows.get(name, []):
                print(report.format_row(row), flush=True)
    if options.json:
        report.write_json(options.json, host, rows)
    return 1 if crashed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure agentd against the floor and its peers."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=", ".join([*MEASUREMENTS, *GROUPS]) + f"; or {AGAINST}COMMIT alone",
    )
    parser.add_argument(
        "--quick", action="store_true", help="one round each, and a journal of 50,000 events"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write everything that was seen to FILE"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where plots go; with --quick none are drawn"
    )
    options = parser.parse_args()
    if options.figures is None and not options.quick:
        options.figures = FIGURES
    options.against = _commit_named(parser, options.names)
    if options.against is not None:
        return options
    # Not `choices`: with nargs="*" some versions of argparse hold the empty list against them.
    options.names = [name for asked in options.names for name in GROUPS.get(asked, [asked])]
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return options


def _commit_named(parser: argparse.ArgumentParser, names: list[str]) -> str | None:
    named = [name for name in names if name.startswith(AGAINST)]
    if not named:
        return None
    if len(names) > 1 or named == [AGAINST]:
        # Not `parser.error`: the list of all names would bury the one line that helps.
        parser.exit(2, f"{parser.prog}: {AGAINST} takes one commit, and no other name beside it\n")
    return named[0].removeprefix(AGAINST)


if __name__ == "__main__":
    sys.exit(main())
