"""The file with the secret that a daemon and its clients share."""

import os
import stat
from pathlib import Path

import pytest

from agentd import secret_file
from agentd.errors import BadSetting, Failure
from agentd.secret_file import load_secret, make_secret


def test_a_new_one(tmp_path: Path) -> None:
    """256 bits, for one user, and made once."""
    path = tmp_path / "tcp.secret"
    made = make_secret(path)
    assert len(made) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_secret(path) == load_secret(path) == made
    assert make_secret(tmp_path / "other") != made
    assert {each.name for each in tmp_path.iterdir()} == {"tcp.secret", "other"}


def test_one_whose_making_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is whole it has not its name, and what was left does not stand in the way."""
    path = tmp_path / "tcp.secret"

    def killed(_file: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(secret_file, "sync_file", killed)
        with pytest.raises(KeyboardInterrupt):
            make_secret(path)
    assert not path.exists()
    assert make_secret(path) == load_secret(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_one_that_others_can_reach(tmp_path: Path, mode: int) -> None:
    """It is refused, and not mended in silence: by the client and by the daemon."""
    path = tmp_path / "tcp.secret"
    make_secret(path)
    path.chmod(mode)
    for take in (load_secret, make_secret):
        with pytest.raises(BadSetting, match=f"others can read .*mode {mode:04o}.*chmod 600"):
            take(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_one_of_another_user(tmp_path: Path) -> None:
    """It is nobody's whom we could trust."""
    path = tmp_path / "tcp.secret"
    make_secret(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(BadSetting, match="belongs to user 65534"):
        load_secret(path)


@pytest.mark.parametrize("text", ["", "secret", "ab" * 31, "AB" * 32, "ab" * 33, "ab" * 500])
def test_what_is_no_secret(tmp_path: Path, text: str) -> None:
    """The error says what is expected, and not what is there."""
    path = tmp_path / "tcp.secret"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(BadSetting, match="expected 64 hexadecimal digits") as told:
        load_secret(path)
    assert not text or text not in str(told.value).replace(str(path), "").replace("no secret", "")


def test_what_is_not_there(tmp_path: Path) -> None:
    """Who needs it is told where it comes from; a folder or a pipe is none, and not waited for."""
    with pytest.raises(BadSetting, match=r"no secret at .*agentd serve --tcp.*AGENTD_SECRET_FILE"):
        load_secret(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadSetting, match="is not a file"):
            load_secret(path)
    with pytest.raises(Failure, match="cannot make the secret"):
        make_secret(tmp_path / "no" / "folder")
