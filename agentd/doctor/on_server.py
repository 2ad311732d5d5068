"""A database on a server at work: who is connected, whose clock counts, and is it whole?

The rule this file keeps: what `server` says of the server is not said again. It reads in
snapshots, so it holds nobody up.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from agentd import replay
from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok
from agentd.errors import Failure, StorageError
from agentd.progress import Progress, begin
from agentd.server_url import ServerUrl

_SHOWN = 3
"""Differences that are told; `agentd replay --check` shows more."""

_ANEW = (
    "`agentd replay --check` shows all; where only rows differ, fold them anew with `agentd "
    "replay`, else `agentd restore` a backup into an empty database"
)
_SMALL_MS = 1_000


def company(subject: Subject) -> Iterator[Finding]:
    """Who works on it, and is this machine's clock as the server's? Nothing of a file."""
    if subject.server is None:
        return
    try:
        from agentd.store.postgres.company import look_around  # noqa: PLC0415 - needs an extra

        found = look_around(subject.server.conninfo)
    except (ImportError, Failure, StorageError):  # what is said of the server says why
        yield not_checked("daemons", "server")
        return
    if found.connections:
        told = f"{found.connections:,} connections of daemons, from {_places(found.machines)}"
        yield ok("daemons", told)
    else:
        yield ok("daemons", "none is connected")
    yield ok("clock", clock(found.ahead_ms))


def _places(machines: int | None) -> str:
    if machines is None:
        return "places that this role may not see"
    return "1 address" if machines == 1 else f"{machines} addresses"


def clock(ahead_ms: int) -> str:
    """What is said of a server's clock that is so many milliseconds ahead of this machine's."""
    if abs(ahead_ms) < _SMALL_MS:
        return "the server's, which decides, and this machine's are the same within a second"
    seconds, way = abs(ahead_ms) // 1_000, "behind" if ahead_ms > 0 else "ahead of"
    return (
        f"this machine's is {seconds:,} s {way} the server's: that changes nothing, the server's "
        "decides"
    )


def events(subject: Subject, progress: Progress) -> Iterator[Finding]:
    """Do the hash chains hold, and are the rows the fold of the journal? Nothing of a file."""
    if subject.server is None:
        return
    try:
        yield from _fold(subject.server, progress)
    except (ImportError, Failure, StorageError):
        yield not_checked("events", "server and schema")


def _fold(server: ServerUrl, progress: Progress) -> Iterator[Finding]:
    from agentd.store.postgres import PostgresStore  # noqa: PLC0415 - it needs an extra

    with closing(PostgresStore.open_existing(server.conninfo)) as store:
        with store.read() as reader:
            last, at = reader.last_seq(), reader.last_at()
        advance = begin(progress, "checking events", last)
        found = [str(each) for each in islice(replay.check(store, advance), _SHOWN)]
    for difference in found:
        yield failed("events", difference, _ANEW)
    if not found and last:
        moment = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="seconds")
        told = f"{last:,} events, the last at {moment}; hash chains whole, rows as they say"
        yield ok("events", told)
    elif not found:
        yield ok("events", "none yet")
