"""Rule: a missed bar is as easy to see as a kept one, and no row goes without its bar.

Rows, the table for a terminal of 80 columns, and the same as JSON.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.load import Load
from benchmarks.machine import Machine
from benchmarks.stats import median

COLUMNS = (32, 12, 21, 6)  # work, measured, floor or bar, ratio; the verdict is the rest of 80


class Row(msgspec.Struct, frozen=True):
    """One line of the table; `figures` holds everything that was seen, for programs.

    A row that was skipped has neither a ratio nor a verdict.
    """

    work: str
    measured: str
    compared: str
    ratio: float | None
    kept: bool | None
    figures: dict[str, float]
    verdicts: tuple[str, str] = ("ok", "MISSED")


def at_most(work: str, value: float, bar: float, unit: str, **figures: float) -> Row:
    """Return a row for a cost: the ratio is the part of the bar that was used."""
    return Row(
        work=work,
        measured=f"{_format_number(value)} {unit}",
        compared=f"<= {_format_number(bar)} {unit}",
        ratio=value / bar,
        kept=value <= bar,
        figures={"value": value, "bar": bar, **figures},
    )


def at_most_times(work: str, ours: float, other: float, bar: float, **figures: float) -> Row:
    """Return a row for a call's milliseconds beside those of another: so many times at most."""
    return Row(
        work=work,
        measured=f"{ours:.3f} ms",
        compared=f"{other:.3f} ms, <= {_format_number(bar)} x",
        ratio=ours / other / bar,
        kept=ours <= bar * other,
        figures={"value": ours, "other": other, "times": ours / other, "bar": bar, **figures},
    )


def at_least(work: str, value: float, bar: float, unit: str, **figures: float) -> Row:
    """Return a row for a rate: the ratio is how much of the bar was reached."""
    return Row(
        work=work,
        measured=f"{_format_number(value)} {unit}",
        compared=f">= {_format_number(bar)} {unit}",
        ratio=value / bar,
        kept=value >= bar,
        figures={"value": value, "bar": bar, **figures},
    )


def share_of_floor(work: str, pairs: Sequence[tuple[Load, Load]], bar: float) -> Row:
    """Return a row for agentd's rate as a share of the floor's, from (floor, agentd) rounds.

    The ratio is the median of the rounds' ratios: the two runs of a round are neighbours
    in time, so that what slows the machine down meets both.
    """
    ratio = median([ours.cycles_per_second / floor.cycles_per_second for floor, ours in pairs])
    ours = median([ours.cycles_per_second for _, ours in pairs])
    floor = median([floor.cycles_per_second for floor, _ in pairs])
    return Row(
        work=work,
        measured=f"{_format_number(ours)} /s",
        compared=f"{_format_number(floor)} /s, >= {bar:.0%}",
        ratio=ratio,
        kept=ratio >= bar,
        figures={"value": ours, "floor": floor, "ratio": ratio, "bar": bar},
    )


def over_floor(work: str, pairs: Sequence[tuple[Load, Load]], bar: float) -> Row:
    """Return a row for what agentd's median call costs beyond the floor's, in milliseconds.

    The ratio is the part of the allowance that was used.
    """
    extra = median([ours.p50 - floor.p50 for floor, ours in pairs])
    ours = median([ours.p50 for _, ours in pairs])
    floor = median([floor.p50 for floor, _ in pairs])
    return Row(
        work=work,
        measured=f"{ours:.3f} ms",
        compared=f"{floor:.3f} ms, <= +{bar:.2f}",
        ratio=extra / bar,
        kept=extra <= bar,
        figures={"value": ours, "floor": floor, "extra": extra, "bar": bar},
    )


def beside(work: str, pairs: Sequence[tuple[Load, Load]]) -> Row:
    """Return a row for agentd's rate beside a peer's, from (peer, agentd) rounds.

    The ratio is the median of the rounds' ratios, as it is beside the floor.
    """
    ratio = median([ours.cycles_per_second / peer.cycles_per_second for peer, ours in pairs])
    ours = median([ours.cycles_per_second for _, ours in pairs])
    peer = median([peer.cycles_per_second for peer, _ in pairs])
    return Row(
        work=work,
        measured=f"{_format_number(ours)} /s",
        compared=f"{_format_number(peer)} /s",
        ratio=ratio,
        kept=ratio >= 1,
        figures={"value": ours, "peer": peer, "ratio": ratio},
        verdicts=("ahead", "behind"),
    )


def told(work: str, value: float, others: Sequence[float], unit: str, **figures: float) -> Row:
    """Return a row for what no bar was set for, beside what stands for comparison, if anything."""
    return Row(
        work=work,
        measured=f"{_format_number(value)} {unit}".rstrip(),
        compared=f"{', '.join(map(_format_number, others))} {unit}".rstrip(),
        ratio=None,
        kept=True,
        figures={"value": value, **figures},
        verdicts=("", ""),
    )


def skipped_row(work: str, reason: str) -> Row:
    """Return a row for what could not be measured here."""
    return Row(work=work, measured="-", compared=reason, ratio=None, kept=None, figures={})


def header() -> str:
    """Return the table's head."""
    return _row_line("work", "measured", "floor, bar or peer", "ratio", "") + "\n" + "-" * 80


def format_row(row: Row) -> str:
    """Return one line of the table."""
    ratio = "" if row.ratio is None else f"{row.ratio:.0%}"
    verdict = "skipped" if row.kept is None else row.verdicts[not row.kept]
    return _row_line(row.work, row.measured, row.compared, ratio, verdict)


def format_machine(machine: Machine) -> str:
    """Return the machine as the lines that stand above the table."""
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.kernel}\n"
        f"{machine.filesystem}, fdatasync p50 {machine.sync_overwrite_micros:.0f} us overwriting, "
        f"{machine.sync_append_micros:.0f} us appending\n"
        f"Python {machine.python}, SQLite {machine.sqlite}\n"
    )


def write_json(path: Path, machine: Machine, rows: Mapping[str, Sequence[msgspec.Struct]]) -> None:
    """Write everything that was measured to a file."""
    dump = msgspec.json.encode({"machine": machine, "measurements": rows})
    path.write_bytes(msgspec.json.format(dump, indent=2) + b"\n")


def _row_line(work: str, measured: str, compared: str, ratio: str, verdict: str) -> str:
    first, second, third, fourth = COLUMNS
    line = f"{work:<{first}}{measured:>{second}}  {compared:<{third}}{ratio:>{fourth}} {verdict}"
    return line.rstrip()


def _format_number(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}"
