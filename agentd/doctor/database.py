"""The database: is it agentd's, is it whole, and is everything in it that was acknowledged?

The rule this file keeps: it looks and leaves no trace (see `store.sqlite.untouched`), beside a
daemon or without one. What cannot be looked at because of an earlier finding says so.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from agentd import replay
from agentd.database_files import lost_path, mark_path, wal_path
from agentd.doctor.finding import OK, Finding, Subject, failed, not_checked, ok, warning
from agentd.doctor.places import owner_and_mode
from agentd.errors import DatabaseRefused, Failure
from agentd.progress import Advance, Progress, begin
from agentd.store.sqlite.aside import FOREIGN, files_set_aside
from agentd.store.sqlite.checkpoint_note import has_foreign_wal
from agentd.store.sqlite.claim import is_claimed_elsewhere
from agentd.store.sqlite.kept_copies import kept_copies, room_for_copy
from agentd.store.sqlite.mark import read_mark
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.opening import refuse_old_sqlite, refuse_unusable
from agentd.store.sqlite.untouched import file_state, wal_size
from agentd.store.sqlite.viewing import View, durability

LARGE_WAL = 64 * 2**20
"""Bytes. The daemon gives its space back long before."""

_SHOWN = 3
"""Findings of one check that are told; a verb of its own shows them all."""

_WHAT = "database"
_RESTORE = "`agentd restore` a backup"
_ANEW = (
    "`agentd replay --check` shows all; where only rows differ, stop the daemon and fold them anew "
    f"with `agentd replay`, else {_RESTORE}"
)


def file(subject: Subject) -> Iterator[Finding]:
    """Is it there, for its user only, and a database that agentd takes?"""
    path = subject.database
    if path is None:
        yield not_checked(_WHAT, "AGENTD_DATABASE_URL")
    elif not path.exists():
        yield _absent(path)
    elif not path.is_file():
        yield failed(_WHAT, f"{path} is not a file", "move it away, or set AGENTD_DATABASE_URL")
    else:
        yield from owner_and_mode(_WHAT, path, 0o600)
        if is_claimed_elsewhere(path):
            told = f"a daemon works on {path} under another name: its last writes are not seen here"
            yield failed(
                _WHAT, told, f"{_how_to_find_names(path)}; give the name that the daemon was given"
            )
            return
        if (names := path.stat().st_nlink) > 1:
            told = f"{path} has {names} names: opened by another, it would lose its WAL"
            yield warning(_WHAT, told, f"{_how_to_find_names(path)}; remove the others")
        yield _usable(path)


def _how_to_find_names(path: Path) -> str:
    """How the other names of a file are found."""
    found = path.stat()
    if found.st_nlink == 1:
        return "it is mounted at several places, which `findmnt` shows"
    top = next(place for place in path.resolve().parents if place.is_mount())
    return f"`find {shlex.quote(str(top))} -xdev -inum {found.st_ino}` finds its names"


def _absent(path: Path) -> Finding:
    if wal_path(path).exists():
        return failed(_WHAT, f"{path} is gone, and its WAL is still there", _RESTORE)
    return ok(_WHAT, f"{path} is not there yet: the first start makes it")


def _usable(path: Path) -> Finding:
    try:
        refuse_unusable(path)
        schema = View(path).schema()
    except Failure as refusal:
        advice = "no daemon starts on it: do as it says, or set AGENTD_DATABASE_URL"
        return failed(_WHAT, str(refusal), advice)
    if schema < LATEST:
        told = f"schema {schema}, and this agentd works with {LATEST}"
        advice = (
            "start this agentd's daemon: it migrates, and leaves a verified copy beside it, which "
            f"takes {_mib(room_for_copy(path))} until it is verified"
        )
        return warning(_WHAT, told, advice)
    return ok(_WHAT, f"agentd's own, schema {schema}")


def sqlite_version() -> Iterator[Finding]:
    """Is SQLite new enough not to lose data?"""
    try:
        yield ok("SQLite", refuse_old_sqlite())
    except DatabaseRefused as refusal:
        yield failed("SQLite", str(refusal), "`pip install --upgrade apsw`")


def durable_settings(subject: Subject) -> Iterator[Finding]:
    """Does SQLite keep the settings that make an acknowledged write durable?"""
    if subject.database is None:
        yield not_checked("durability", "AGENTD_DATABASE_URL")
        return
    try:
        mode, level = durability(subject.database)
    except Failure as refusal:
        yield failed("durability", str(refusal), "move the database to a local disk")
    else:
        yield ok("durability", f"journal_mode={mode}, synchronous={level}, as read back")


def integrity(subject: Subject, progress: Progress) -> Iterator[Finding]:
    """Does SQLite find the file whole?"""
    view = _view(subject, "integrity")
    if isinstance(view, Finding):
        yield view
        return
    pulse = partial(progress, "checking pages", 0, 0)
    pulse()
    found = _look_again_if_written(view, lambda: view.integrity(pulse))
    for problem in found[:_SHOWN]:
        yield failed("integrity", problem, _RESTORE)
    if not found:
        yield ok("integrity", "every page and index is as SQLite left it")


def journal(subject: Subject, progress: Progress) -> Iterator[Finding]:
    """Do the hash chains hold, and are the rows the fold of the journal?"""
    view = _view(subject, "journal")
    if isinstance(view, Finding):
        yield view
        return
    if view.schema() != LATEST:
        yield not_checked("journal", "database")
        return
    with view.read() as reader:
        last = reader.last_seq()
    advance = begin(progress, "checking events", last)
    found = _look_again_if_written(view, lambda: _differences(view, advance))
    for difference in found:
        yield failed("journal", difference, _ANEW)
    if not found:
        yield ok("journal", f"{last:,} events; hash chains whole, rows as they say")


def _differences(view: View, advance: Advance) -> list[str]:
    return [str(difference) for difference in islice(replay.check(view, advance), _SHOWN)]


def _look_again_if_written(view: View, look: Callable[[], list[str]]) -> list[str]:
    """What `look` finds; it looks again if a daemon began to write beneath the first look."""
    before = file_state(view.path)
    try:
        found = look()
    except DatabaseRefused:
        if file_state(view.path) == before:
            raise
        return look()
    return look() if found and file_state(view.path) != before else found


def mark(subject: Subject) -> Iterator[Finding]:
    """Does the journal reach as far as answers were given?"""
    path = subject.database
    last = read_mark(mark_path(path)) if path else None  # before the journal: both may move on
    view = _view(subject, "mark")
    if isinstance(view, Finding) and (last is None or view.status != OK):
        yield view
    elif last is not None and (isinstance(view, Finding) or not view.reaches(last)):
        told = f"the journal does not reach seq {last.seq:,}: acknowledged events are lost"
        yield failed("mark", told, f"keep the files for a look, and {_RESTORE}")
    elif last is not None:
        yield ok("mark", f"the journal reaches seq {last.seq:,}, the last that was acknowledged")
    else:
        yield ok("mark", "none that can be read: the next write makes one")
    if path and lost_path(path).exists():
        yield _lost_mark(lost_path(path))


def _lost_mark(path: Path) -> Finding:
    then = read_mark(path)
    until = f" up to seq {then.seq:,}" if then else ""
    told = f"acknowledged events{until} were lost before an earlier start"
    return failed("mark", told, f"{_RESTORE}, or remove {path} when you have dealt with it")


def copies(subject: Subject) -> Iterator[Finding]:
    """What is still there from before a migration?"""
    path = subject.database
    with suppress(OSError):  # what is said of home and database says why
        for copy in kept_copies(path) if path else ():
            size = _mib(copy.path.stat().st_size)
            told = f"{copy.path}, {size}, from before a migration: remove it when all is well"
            yield ok("copy", told)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def wal(subject: Subject) -> Iterator[Finding]:
    """Is the write-ahead log as small as it should be?"""
    if subject.database is None:
        yield not_checked("WAL", "AGENTD_DATABASE_URL")
        return
    for file in files_set_aside(subject.database) if subject.database.parent.exists() else ():
        yield _file_set_aside(file)
    if wal_size(subject.database) and has_foreign_wal(subject.database):
        told = f"{subject.database} was replaced, and its WAL belongs to what was there before"
        yield failed("WAL", told, "start the daemon (again): it sets the WAL aside and serves")
        return
    size = wal_size(subject.database)
    told = _mib(size) if size else "empty"
    if size > LARGE_WAL:
        advice = "look for a program that has been reading the database for long, and end it"
        yield warning("WAL", told, advice)
    else:
        yield ok("WAL", told)


def _file_set_aside(file: Path) -> Finding:
    if f".{FOREIGN}" in file.name:
        told = f"{file} is the WAL of a database that was replaced: its last writes are in it alone"
        advice = "if they are missed, lay it beside a copy of that database, under its old name"
    else:
        told = f"{file} could not be read, or not to its end, and was set aside"
        advice = "keep it as long as something may be missed"
    return warning("WAL", told, f"{advice}; else remove it")


def _view(subject: Subject, what: str) -> View | Finding:
    """The database, or why it cannot be looked at."""
    path = subject.database
    if path is None:
        return not_checked(what, "AGENTD_DATABASE_URL")
    if not path.exists() and not wal_size(path):
        return ok(what, "there is no database yet")
    if is_claimed_elsewhere(path):
        return not_checked(what, "database")
    try:
        refuse_unusable(path)
    except (Failure, OSError):
        return not_checked(what, "database")
    return View(path)
