"""Where a server of the tests keeps its files, and the cluster in them.

The rule this file keeps: what takes long, to make a cluster and to copy programs for another user,
is done once for all processes of a run, by the first; the last one removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from tests.daemon_process import LONGEST_TEMPORARY_DIRECTORY
from tests.postgres_programs import NOBODY, ROOT, run, wheel_programs

USER = "postgres"


class Place:
    """A folder of one server's own, in one that all servers of the run share.

    Who may enter the folder is trusted by its server, so that is the server's user alone.
    """

    def __init__(self) -> None:
        run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
        self.shared = short_directory() / f"agentd-pg-{run_id[:12]}"
        while True:
            with contextlib.suppress(FileNotFoundError):  # the last of the others has just left
                self.folder = self._new_folder()
                return

    def _new_folder(self) -> Path:
        folders = self.shared / "s"
        folders.mkdir(parents=True, exist_ok=True)
        for each in (self.shared, folders):
            each.chmod(0o711 if ROOT else 0o700)
        folder = Path(tempfile.mkdtemp(dir=folders, prefix=""))
        hand_over(folder)
        return folder

    def leave(self) -> None:
        """Remove the folder, and what is shared where nobody else is left."""
        shutil.rmtree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            shutil.rmtree(self.shared)

    def copy_cluster(self) -> tuple[Path, str]:
        """Put a new cluster of the wheel's there; returns where programs are, and its password."""
        with (self.shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            programs = wheel_programs(self.shared)
            made = self.shared / "made"
            if not made.exists():
                half = self.shared / "half"
                half.mkdir(mode=0o700)
                hand_over(half)
                # A session is to cost little: nobody has the time to guess this password.
                make_cluster(programs, half, "--set=scram_iterations=1")
                half.rename(made)
        run(["cp", "-R", f"{made}/data", self.folder])
        return programs, (made / "password").read_text()


def make_cluster(programs: Path, folder: Path, *options: str) -> str:
    """Make a cluster in `folder`/data, and return its password, which stands beside it.

    The password is asked for over TCP: on a machine with other people, they could otherwise run
    what they like as its user.
    """
    password = secrets.token_hex(16)
    file = folder / "password"
    file.touch(mode=0o600)
    file.write_text(password)
    hand_over(file)
    rights = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={file}"]
    text = ["--encoding=UTF8", "--locale=C", f"--username={USER}"]
    initdb = [str(programs / "initdb"), "-D", str(folder / "data")]
    run([*initdb, "--no-sync", "--no-instructions", *rights, *text, *options])
    return password


def hand_over(path: Path) -> None:
    """Make it the property of whoever runs servers."""
    if ROOT:
        os.chown(path, NOBODY, NOBODY)


def short_directory() -> Path:
    """For temporary files: short enough for a socket's path, and open to whoever runs servers."""
    usual = Path(tempfile.gettempdir())
    is_open = not ROOT or all(each.stat().st_mode & 0o001 for each in (usual, *usual.parents))
    is_short = len(str(usual)) <= LONGEST_TEMPORARY_DIRECTORY
    return usual if is_open and is_short else Path("/tmp")  # noqa: S108 - mkdtemp makes what is used
