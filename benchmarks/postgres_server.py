"""Rule: a PostgreSQL under measurement is a fresh cluster with its strongest durability, read back.

The server of everything here that runs on PostgreSQL: on a Unix socket, and gone afterwards.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.peers.peer import Missing
from benchmarks.peers.server import serving

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
USER = "postgres"


@contextmanager
def postgresql(home: Path) -> Iterator[str]:
    """Make a cluster and run its server, as nobody's superuser where this is root.

    Yields the address, in libpq's words. Raises `Missing` where the server is not installed.
    """
    user = _owner(home)
    cluster = str(home / "cluster")
    make = [_program("initdb"), "-D", cluster, "--auth", "trust", "--username", USER]
    subprocess.run(make, check=True, stdout=subprocess.PIPE, user=user)
    command = [_program("postgres"), "-D", cluster, "-k", str(home), "-clisten_addresses="]
    command += [f"-c{name}={value}" for name, value in DURABLE.items()]
    address = f"host={home} user={USER} dbname=postgres"
    with serving(command, lambda: _answers(address), user=user):
        yield address


@contextmanager
def fresh_database(server: str, *, copied: str | None = None) -> Iterator[str]:
    """Yield the address of a database of this server, and remove it afterwards.

    It is empty, or holds what the database at the address `copied` does, which nobody may use. What
    was written so far goes to the disk before, and not while this one is measured.
    """
    name = f"bench_{uuid4().hex}"
    template = "template1" if copied is None else conninfo_to_dict(copied)["dbname"]
    with connect(server) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        session.execute("CHECKPOINT")
        yield make_conninfo(server, dbname=name)
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def connect(address: str) -> psycopg.Connection:
    """Open a session that commits each statement by itself, and see that it is durable."""
    session = psycopg.connect(address, autocommit=True)
    for setting, wanted in DURABLE.items():
        assert session.execute(f"SHOW {setting}").fetchone() == (wanted,)
    return session


def as_url(address: str) -> str:
    """Return an address in libpq's words as a URL."""
    parts = conninfo_to_dict(address)
    host = quote(str(parts["host"]), safe="")
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={host}"


def server_pid(address: str) -> int:
    """Return the process that all others of the server descend from."""
    home = Path(str(conninfo_to_dict(address)["host"]))
    return int((home / "cluster" / "postmaster.pid").read_text().split()[0])


def _program(name: str) -> str:
    """Return the path of the server's program; raises `Missing`."""
    # Debian keeps the server's programs apart by version, and out of the PATH.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    folders = [*map(str, reversed(debian)), os.environ.get("PATH", "")]
    if (path := shutil.which(name, path=os.pathsep.join(folders))) is None:
        raise Missing(name)
    return path


def _version(folder: Path) -> int:
    return int(folder.parent.name)


def _answers(address: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(address):
        return True
    return False


def _owner(home: Path) -> str | None:
    """Hand the directory to the user whom Debian's package makes, because root is refused."""
    if os.getuid() != 0:
        return None
    os.chown(home, pwd.getpwnam(USER).pw_uid, -1)
    return USER
