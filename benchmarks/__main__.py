"""Rule: every measurement has a name, is in one table, and can be run alone.

`python -m benchmarks [NAME ...] [--quick] [--json FILE]`. A missed bar is printed and does
not change the exit code; a measurement that could not be made ends with exit code 1.
"""

import argparse
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import (
    client,
    dispatch,
    growth,
    heartbeats,
    machine,
    others,
    processes,
    report,
    resident,
    scale,
    side_by_side,
    status,
    throughput,
)
from benchmarks.run import Run

MEASUREMENTS: dict[str, Callable[[Run], list[report.Row]]] = {
    "drain": throughput.eight_workers,
    "drain-context": throughput.eight_workers_with_context,
    "one-worker": throughput.one_worker,
    "acquire": scale.acquire,
    "register": scale.register,
    "status": status.task_status,
    "others": others.others,
    "idle": resident.idle,
    "start": processes.start,
    "replay": processes.replay,
    "call": processes.call,
    "client": client.client,
    "growth": growth.growth,
    "dispatch": dispatch.dispatch,
    "heartbeats": heartbeats.heartbeats,
    "one-call": throughput.one_call,
    **side_by_side.MEASUREMENTS,
}
FIGURES = Path(__file__).parent / "figures"
GROUPS = {"peers": list(side_by_side.MEASUREMENTS)}


def main() -> int:
    """Run what was asked for and return the exit code."""
    options = _options()
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
        "names", nargs="*", metavar="NAME", help=", ".join([*MEASUREMENTS, *GROUPS])
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
    # Not `choices`: with nargs="*" some versions of argparse hold the empty list against them.
    options.names = [name for asked in options.names for name in GROUPS.get(asked, [asked])]
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
