"""Times as a person reads them: how long ago, how long still, and when by the wall clock."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def format_age(since: str, now: datetime | None = None) -> str:
    """How long ago a moment was, RFC 3339, in its largest unit."""
    then = datetime.fromisoformat(since)
    return format_duration(int(((now or datetime.now(UTC)) - then).total_seconds()))


def format_duration(seconds: int) -> str:
    """A time in its largest unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"


def format_seconds(seconds: float) -> str:
    """A time in full, as options take it: `1h30m`, `90s` as `1m30s`."""
    whole, rest = divmod(seconds, 60)
    parts = []
    for size, unit in ((1_440, "d"), (60, "h"), (1, "m")):
        number, whole = divmod(whole, size)
        parts += [f"{number:.0f}{unit}"] if number else []
    return "".join(parts) + (f"{round(rest, 3):g}s" if rest or not parts else "")


def format_clock(seconds: int) -> str:
    """Unix seconds on this machine's clock."""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%H:%M:%S}"


def format_moment(seconds: float, now: datetime | None = None) -> str:
    """Unix seconds on this machine's clock; with the day where that is another one than now's."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if moment.year in (MINYEAR, MAXYEAR):  # on this clock it may be outside of the calendar
        return f"{moment.year:04}"
    local, today = moment.astimezone(), (now or datetime.now(UTC)).astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    return f"{local:%b %d %H:%M:%S}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M:%S}"


def format_day_and_clock(moment: str) -> str:
    """An RFC 3339 time on this machine's calendar and clock."""
    then = datetime.fromisoformat(moment)
    local = then if then.year in (MINYEAR, MAXYEAR) else then.astimezone()
    return f"{local:%b %d %H:%M:%S}"
