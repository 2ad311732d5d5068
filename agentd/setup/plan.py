"""What setting up, or undoing it, will do: every file is read and edited before one is written.

The rule this file keeps: nothing is written here, and a file that cannot be edited refuses the
whole, save for one that its harness reads and we do not: that one is left, and told.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from msgspec import Struct

from agentd.setup import json_entries, json_text
from agentd.setup.edit import Edit, Entry, State
from agentd.setup.files import Change, decode, encode, read
from agentd.setup.harness import Part, Scope, SettingsFile
from agentd.setup.json_text import Place
from agentd.setup.record import FileRecord, SetUp
from agentd.setup.refusal import CannotSetUp, HasComments
from agentd.setup.target import Target
from agentd.setup.wanted import Wanted

Put = Callable[[str, Wanted], Edit]
Take = Callable[[str, Wanted, tuple[Place, ...]], Edit]

_JSON: Mapping[Part, tuple[Put, Take]] = {
    Part.SERVER: (json_entries.put_server, json_entries.take_server),
    Part.HOOKS: (json_entries.put_hooks, json_entries.take_hooks),
    Part.SOCKET: (json_entries.put_socket, json_entries.take_socket),
}


class Planned(Struct, frozen=True):
    """What is to be done to a file, entry by entry; `made` is what the record will say.

    `is_whole`: all of the file is ours.
    """

    change: Change
    entries: tuple[Entry, ...]
    made: tuple[Place, ...] = ()
    is_whole: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything is to be written."""
        return self.change.before != self.change.after


def plan_set_up(target: Target, record: SetUp | None) -> list[Planned]:
    """What setting it up will do. Raises `CannotSetUp`."""
    return [
        _put_skill(target, path, _recorded(record, path))
        if Part.SKILL in file.parts
        else _put_entries(target, path, file)
        for path, file in target.files
    ]


def plan_undo(target: Target, record: SetUp | None) -> list[Planned]:
    """What undoing it will do. Raises `CannotSetUp`."""
    return [
        _take_skill(target, path, record)
        if Part.SKILL in file.parts
        else _take_entries(target, path, file, record)
        for path, file in target.files
    ]


def _put_entries(target: Target, path: Path, file: SettingsFile) -> Planned:
    before = read(path)
    start = decode(path, before)
    text = "{}\n" if _is_json(path) and not start.strip() else start

    def put(edit: Edit, part: Part) -> Edit:
        return edit.then(_edits(path, part)[0](edit.text, target.wanted))

    try:
        _check(path, text)
        edit = reduce(put, file.parts, Edit(text))
    except HasComments as error:
        content = reduce(put, file.parts, Edit("{}")).text
        note = f"{error}; add by hand: {json.dumps(json.loads(content), ensure_ascii=False)}"
        return _left(path, before, note)
    except CannotSetUp as error:
        raise CannotSetUp(f"{path}: {error}") from error
    is_same = all(entry.state in (State.THERE, State.LEFT) for entry in edit.entries)
    after = before if is_same else encode(edit.text, before)
    change = Change(path, before, after, copy=True, private=target.scope is Scope.USER)
    return Planned(change, edit.entries, edit.made)


def _take_entries(target: Target, path: Path, file: SettingsFile, record: SetUp | None) -> Planned:
    before = read(path)
    text = decode(path, before)
    known = _recorded(record, path)

    def take(edit: Edit, part: Part) -> Edit:
        made = known.made if known is not None else _places(path, edit.text, target.wanted, part)
        return edit.then(_edits(path, part)[1](edit.text, target.wanted, made))

    try:
        _check(path, text)
        edit = reduce(take, file.parts if text.strip() else (), Edit(text))
    except HasComments as error:
        return _left(path, before, f"{error}; take out by hand what names agentd")
    except CannotSetUp as error:
        raise CannotSetUp(f"{path}: {error}") from error
    after = encode(edit.text, before) if edit.entries else before
    if known is not None and known.is_new and before is not None and _is_empty(path, edit.text):
        after = None
    return Planned(Change(path, before, after), edit.entries)


def _left(path: Path, before: bytes | None, note: str) -> Planned:
    """A file that its harness reads and we do not edit."""
    return Planned(Change(path, before, before), (Entry("entries", State.LEFT, note),))


def _put_skill(target: Target, path: Path, known: FileRecord | None) -> Planned:
    before = read(path)
    state, note, after = State.ADDED, "", target.skill
    if before == target.skill:
        state = State.THERE
    elif before is not None and known is not None and known.sha256 == digest(before):
        state, note = State.CHANGED, "it was of another agentd"
    elif before is not None:
        state, after = State.LEFT, before
        note = f"it is another one: `agentd skill --install {path.parents[1]}` replaces it"
    change = Change(path, before, after, private=target.scope is Scope.USER)
    return Planned(change, (Entry("skill", state, note),), is_whole=state is not State.LEFT)


def _take_skill(target: Target, path: Path, record: SetUp | None) -> Planned:
    before = read(path)
    known = _recorded(record, path)
    ours = {target.skill} if record is None else set()
    is_ours = known is not None and before is not None and known.sha256 == digest(before)
    if before is None or (known is None and before not in ours):
        return Planned(Change(path, before, before), ())
    if is_ours or before in ours:
        return Planned(Change(path, before, None), (Entry("skill", State.REMOVED),), is_whole=True)
    note = "somebody changed it: remove it yourself"
    return Planned(Change(path, before, before), (Entry("skill", State.LEFT, note),))


def _places(path: Path, text: str, wanted: Wanted, part: Part) -> tuple[Place, ...]:
    """What is ours where there is no record: the socket; containers stay."""
    if part is not Part.SOCKET:
        return ()
    if _is_json(path):
        return ((*json_entries.SOCKETS, wanted.socket),)
    place = _toml().sockets(text)
    return () if place is None else ((*place, wanted.socket),)


def _check(path: Path, text: str) -> None:
    """Raises `DoesNotParse`, `HasComments`."""
    if _is_json(path):
        json_text.parse(text)


def _edits(path: Path, part: Part) -> tuple[Put, Take]:
    if _is_json(path):
        return _JSON[part]
    toml = _toml()
    if part is Part.SERVER:
        return toml.put_server, toml.take_server
    return toml.put_socket, toml.take_socket


def _toml() -> Any:
    from agentd.setup import toml_entries  # noqa: PLC0415 - no other harness needs its parser

    return toml_entries


def _is_json(path: Path) -> bool:
    return path.suffix == ".json"


def _is_empty(path: Path, text: str) -> bool:
    return json_text.parse(text) == {} if _is_json(path) else not text.strip()


def _recorded(record: SetUp | None, path: Path) -> FileRecord | None:
    return None if record is None else record.files.get(str(path))


def digest(content: bytes) -> str:
    """By which the record knows a file that is all ours."""
    return hashlib.sha256(content).hexdigest()
