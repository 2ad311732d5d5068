"""Settings files on the disk: all are written, or none."""

import errno
import os
import re
import stat
from pathlib import Path

import pytest

from agentd.setup import files
from agentd.setup.files import Change, read, write_all
from agentd.setup.harness import Scope
from agentd.setup.record import NAME, Record, SetUp, write_record
from agentd.setup.refusal import CannotSetUp
from tests.setting_up import tree


def change(path: Path, after: bytes | None = b"new", *, copy: bool = True) -> Change:
    """What is there now, and what is to be."""
    return Change(path, read(path), after, copy=copy)


def test_a_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    """What a link leads to is written, under the mode that it had."""
    real = tmp_path / "dotfiles" / "settings.json"
    real.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / "settings.json"
    link.symlink_to("dotfiles/settings.json")
    (written,) = write_all([change(link)])
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert written.copy == real.with_name("settings.json.before-agentd")
    assert written.copy.read_bytes() == b"old"
    assert stat.S_IMODE(written.copy.stat().st_mode) == 0o640


def test_a_copy_is_never_replaced(tmp_path: Path) -> None:
    """A later one takes a free name; the very same is kept once."""
    path = tmp_path / "a.json"
    for content in (b"one", b"two", b"one"):
        path.write_bytes(content)
        write_all([change(path)])
    kept = {name: content for name, content in tree(tmp_path).items() if name != "a.json"}
    assert kept == {"a.json.before-agentd": b"one", "a.json.before-agentd2": b"two"}


def test_a_users_file_is_for_the_user_only(tmp_path: Path) -> None:
    """A new one may hold secrets of others one day."""
    write_all([Change(tmp_path / "a", None, b"x", private=True)])
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [0, 1, 2])
def test_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whichever file cannot be put into its place, the others are as they were."""
    (tmp_path / "there").write_bytes(b"old")
    before = tree(tmp_path)
    names = ("there", "deep/er/new", "new")
    broken = tmp_path / names[number]

    def replace(self: Path, target: Path) -> Path:
        if target == broken:
            raise OSError(28, "No space left on device", str(target))
        os.rename(self, target)  # noqa: PTH104 - Path.rename is what is replaced
        return target

    monkeypatch.setattr(Path, "replace", replace)
    told = f"{broken} cannot be written: No space left on device"
    with pytest.raises(CannotSetUp, match=re.escape(told)):
        write_all([change(tmp_path / name, copy=False) for name in names])
    assert tree(tmp_path) == before


@pytest.mark.parametrize("module", ["setup.files", "durable"], ids=["files", "record"])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """The file is named, settings' and the record, and no draft of it is left behind."""

    def sync(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    record = Record((SetUp("claude", Scope.USER, "/", "/bin/agentd", "/s"),))
    monkeypatch.setattr(f"agentd.{module}.sync_file", sync)
    path = tmp_path / (NAME if module == "durable" else "a")
    told = f"{path} cannot be written: No space left on device"
    with pytest.raises(CannotSetUp, match=re.escape(told)):
        write_record(tmp_path, record) if module == "durable" else write_all([change(path)])
    assert tree(tmp_path) == {}


def test_a_file_that_changed_meanwhile(tmp_path: Path) -> None:
    """Whoever wrote it after it was read is not overwritten."""
    planned = [change(tmp_path / "a"), change(tmp_path / "b")]
    (tmp_path / "b").write_bytes(b"theirs")
    with pytest.raises(CannotSetUp, match="b changed meanwhile: run it again"):
        write_all(planned)
    assert tree(tmp_path) == {"b": b"theirs"}


def test_a_read_only_file(tmp_path: Path) -> None:
    """What somebody made read-only is not replaced under their hands."""
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o400)
    with pytest.raises(CannotSetUp, match="a is read-only"):
        write_all([change(tmp_path / "b"), change(tmp_path / "a")])
    assert tree(tmp_path) == {"a": b"old"}


def test_what_is_no_file(tmp_path: Path) -> None:
    """A directory or a pipe in its place is told, and does not hang."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotSetUp, match="folder is a directory"):
        read(tmp_path / "folder")
    with pytest.raises(CannotSetUp, match="pipe is no file"):
        read(tmp_path / "pipe")


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    """It is told before anything is written."""
    (tmp_path / ".claude").write_bytes(b"")
    with pytest.raises(CannotSetUp, match="cannot be read: Not a directory"):
        read(tmp_path / ".claude" / "settings.json")


def test_what_is_not_utf_8(tmp_path: Path) -> None:
    """It is left as it is."""
    with pytest.raises(CannotSetUp, match="is not UTF-8 \\(byte 3\\)"):
        files.decode(tmp_path, b"abc\xff")


def test_a_byte_order_mark_stays() -> None:
    """As the file had it."""
    before = b"\xef\xbb\xbf{}"
    assert files.decode(Path("a"), before) == "{}"
    assert files.encode("{ }", before) == b"\xef\xbb\xbf{ }"
