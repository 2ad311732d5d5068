"""The system's PostgreSQL, as a careful team runs it: TLS, passwords, roles, another order of text.

The rule this file keeps: the cluster is the suite's own; a server that runs on the machine is left
alone. Text is ordered as in English, where the other server's order is that of bytes.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.certificates import Certificates, certificates
from tests.postgres_place import USER, Place, hand_over, make_cluster
from tests.postgres_programs import system_programs
from tests.postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

RIGHTS = """\
local all postgres trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl all all ::1/128 scram-sha-256
"""
"""pg_hba.conf: over TCP, who has a password and speaks TLS."""


class SystemServer(PostgresServer):
    """A server with TLS; `certificates` says whom clients may trust."""

    certificates: Certificates

    def url(self, database: str = USER, user: str = USER, password: str | None = None) -> str:
        """Over TLS, the server's certificate and name checked."""
        plain = super().url(database, user, password)
        checked = f"sslmode=verify-full&sslrootcert={self.certificates.authority}"
        return f"{plain.replace('@127.0.0.1:', '@localhost:')}?{checked}"

    def make_role(self, name: str, password: str) -> None:
        """A role that may sign in, and nothing else."""
        self.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")


@contextlib.contextmanager
def system_server(**settings: str) -> Iterator[SystemServer]:
    """Give one for the length of the block. Skips where it or `openssl` is not installed."""
    programs = system_programs()
    place = Place()
    try:
        english = ["--locale-provider=icu", "--icu-locale=en"]
        password = make_cluster(programs, place.folder, *english)
        made = certificates(place.folder)
        for each in (made.server, made.key):
            hand_over(each)
        (place.folder / "data" / "pg_hba.conf").write_text(RIGHTS)
        tls = {"ssl": "on", "ssl_cert_file": str(made.server), "ssl_key_file": str(made.key)}
        server = SystemServer(programs, place, password, fsync="off", **tls, **settings)
        server.certificates = made
        server.start()
    except BaseException:
        place.leave()
        raise
    try:
        yield server
    finally:
        server.remove()
