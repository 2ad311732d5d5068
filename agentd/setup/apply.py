"""A plan, carried out.

The rule this file keeps: the record says of an entry before the file holds it, so that whatever
ends this program in between, undoing knows all that may be there.
"""

from collections.abc import Sequence
from pathlib import Path

from agentd.setup.files import Written, remove_folders, write_all
from agentd.setup.plan import Planned, digest
from agentd.setup.record import FileRecord, locked, read_record, write_record
from agentd.setup.target import Target


def set_up(home: Path, target: Target, planned: Sequence[Planned]) -> dict[Path, Path]:
    """Write it. Answers the copies that were kept, by file. Raises `CannotSetUp`."""
    changing = [each for each in planned if each.changes]
    with locked(home):
        before = read_record(home)
        files = {str(each.change.path): _record_of_plan(each) for each in changing}
        record = before.with_setup(target.as_setup(files))
        write_record(home, record)
        try:
            written = write_all([each.change for each in changing])
        except BaseException:
            write_record(home, before)
            raise
        files = {
            str(e.change.path): _record_of_copy(w) for e, w in zip(changing, written, strict=True)
        }
        write_record(home, record.with_setup(target.as_setup(files)))
    pairs = zip(changing, written, strict=True)
    return {each.change.path: w.copy for each, w in pairs if w.copy is not None}


def undo(home: Path, target: Target, planned: Sequence[Planned]) -> None:
    """Write it, and forget it was set up. Raises `CannotSetUp`.

    Copies that were kept and folders that were made go, too, where they hold nothing more.
    """
    key = target.as_setup({}).key
    with locked(home):
        record = read_record(home)
        write_all([each.change for each in planned if each.changes])
        known = record.find(key)
        for each in planned:
            file = known.files.get(str(each.change.path)) if known is not None else None
            if file is not None:
                _remove_copy(file, each.change.after)
        if known is not None:
            folders = {folder for file in known.files.values() for folder in file.folders}
            remove_folders([Path(folder) for folder in folders])
            write_record(home, record.without(key))


def _record_of_plan(each: Planned) -> FileRecord:
    whole = each.change.after if each.is_whole else None
    sha256 = None if whole is None else digest(whole)
    return FileRecord(each.made, each.change.before is None, sha256=sha256)


def _record_of_copy(written: Written) -> FileRecord:
    folders = tuple(map(str, written.folders))
    return FileRecord(copy=None if written.copy is None else str(written.copy), folders=folders)


def _remove_copy(file: FileRecord, now: bytes | None) -> None:
    """Remove a copy of what is there again."""
    copy = None if file.copy is None else Path(file.copy)
    if copy is not None and now is not None and copy.is_file() and copy.read_bytes() == now:
        copy.unlink()
