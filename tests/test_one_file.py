"""The one file's start: which Python it takes, and where it unpacks itself.

It is packed here as `make zipapp` packs it, around an agentd that only says where it runs, and
with no more of shiv than what unpacks. The real one is made and tried by `.ci/package`.
"""

import os
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from agentd.own_program import ONE_FILE
from release import one_file, one_file_start
from tests.daemon_process import PATIENCE_SECONDS
from tests.documents import text

SAYS_WHERE = "import sys\n\ndef main():\n    print(*sys.argv[1:], __file__)\n    return 5\n"
UNPACKS = """
import os, sys

def extract_site_packages(archive, place):
    print("unpacks", os.umask(0), file=sys.stderr)
    for name in archive.namelist():
        if name.startswith("site-packages"):
            archive.extract(name, f"{place}.tmp")
            if "FULL" in os.environ:
                raise OSError(28, "No space left on device")
    os.rename(f"{place}.tmp", place)
"""
LOCKS = """
import contextlib

@contextlib.contextmanager
def FileLock(path):
    yield
"""


def pack(path: Path, suffix: str = EXTENSION_SUFFIXES[0], cli: str = SAYS_WHERE) -> Path:
    """The one file, for a Python that calls its extension modules so."""
    main = (
        f"import agentd_one_file as one\none.start({suffix!r}, '3.99', {os.uname().machine!r}, 'v')"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__main__.py", main)
        archive.writestr("agentd_one_file.py", text(Path(one_file_start.__file__)))
        archive.writestr("_bootstrap/__init__.py", UNPACKS)
        archive.writestr("_bootstrap/filelock.py", LOCKS)
        archive.writestr("site-packages/agentd/__init__.py", "")
        archive.writestr("site-packages/agentd/cli.py", cli)
    return path


def start(file: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it, with that home."""
    return subprocess.run(
        [sys.executable, str(file), "status"],
        env={"HOME": str(home), **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def refused(file: Path, home: Path, **env: str) -> str:
    """The one line with which it does not start."""
    ended = start(file, home, **env)
    assert (ended.returncode, ended.stdout) == (1, "")
    line = ended.stderr.splitlines()[-1]
    assert line.startswith("agentd.pyz: ")
    return line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The one file, packed for this Python."""
    return pack(tmp_path / "agentd.pyz")


def test_it_is_unpacked_once(file: Path, tmp_path: Path) -> None:
    """The first start unpacks it where only its user may look; what is run then is agentd."""
    first, second = start(file, tmp_path), start(file, tmp_path)
    cache = tmp_path / ".cache" / "agentd"
    assert first.stdout == f"status {cache}/v/site-packages/agentd/cli.py\n"
    assert first.stderr.splitlines() == [f"unpacks {0o077}"]
    assert cache.stat().st_mode & 0o777 == 0o700
    assert (first.returncode, second.returncode) == (5, 5)
    assert (second.stdout, second.stderr) == (first.stdout, "")


def test_it_is_known_where_it_runs(tmp_path: Path) -> None:
    """What runs from it finds the one file by a module that is loaded nowhere else."""
    says = f"import sys\n\ndef main():\n    print({ONE_FILE!r} in sys.modules)\n"
    assert start(pack(tmp_path / "ad", cli=says), tmp_path).stdout == "True\n"
    assert one_file._START == ONE_FILE  # noqa: SLF001 - what the real one is packed with


def test_it_is_unpacked_elsewhere(file: Path, tmp_path: Path) -> None:
    """SHIV_ROOT names another folder, which may be there and be read by others."""
    (tmp_path / "there").mkdir(mode=0o755)
    for place in (tmp_path / "there", tmp_path / "new" / "one"):
        assert f"{place}/v/" in start(file, tmp_path, SHIV_ROOT=str(place)).stdout
    assert not (tmp_path / ".cache").exists()


def test_another_python_is_refused(tmp_path: Path) -> None:
    """A Python that cannot load what is in it is told which one can, before anything is written."""
    line = refused(pack(tmp_path / "agentd.pyz", ".cpython-399-x.so"), tmp_path)
    assert "made for Python 3.99 (.cpython-399-x.so" in line
    assert f"this is Python {'.'.join(map(str, sys.version_info[:3]))}" in line
    assert f"`python3.99 {tmp_path}/agentd.pyz`" in line
    assert not (tmp_path / ".cache").exists()


def test_a_folder_that_others_may_write_to(file: Path, tmp_path: Path) -> None:
    """Nothing is run from where another user could have put it."""
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o777)
    line = refused(file, tmp_path, SHIV_ROOT=str(place))
    assert f"others may write to {place}" in line
    assert "SHIV_ROOT=" in line
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user(file: Path, tmp_path: Path) -> None:
    """One that is another's is refused by that user's number, whatever its mode."""
    place = tmp_path / "theirs"
    place.mkdir(mode=0o700)
    os.chown(place, 12345, -1)
    assert f"{place}, where it is unpacked, belongs to user 12345" in refused(
        file, tmp_path, SHIV_ROOT=str(place)
    )


def test_a_file_in_the_way(file: Path, tmp_path: Path) -> None:
    """Where its folder is a file, that is told, and the file is left as it is."""
    place = tmp_path / "taken"
    place.write_text("mine")
    assert f"{place} is not a folder" in refused(file, tmp_path, SHIV_ROOT=str(place))
    assert place.read_text() == "mine"


def test_a_full_disk(file: Path, tmp_path: Path) -> None:
    """Without room it says so and leaves nothing behind; with room again it starts."""
    line = refused(file, tmp_path, FULL="1")
    assert "it cannot be unpacked: [Errno 28] No space left on device; it takes some 80 MB" in line
    assert list((tmp_path / ".cache" / "agentd").iterdir()) == []
    assert start(file, tmp_path).returncode == 5
