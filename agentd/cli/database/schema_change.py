"""What `agentd database init` and `migrate` have in common: the schema becomes the latest.

The rule this file keeps: neither does what the other is for, so a URL of another database than was
meant is noticed. Done twice, or by many at once, each is done once.
"""

from agentd.cli.printing import print_data
from agentd.errors import DatabaseRefused
from agentd.server_url import ServerUrl
from agentd.text import printable


def apply_missing(server: ServerUrl, *, expects_one: bool, as_json: bool) -> int:
    """Have the latest schema in the database, and say what was done.

    `expects_one`: there is an older one; else there is none. Raises `DatabaseRefused` where it is
    otherwise, and `DatabaseGone`.
    """
    from agentd.store.postgres.connecting import connect
    from agentd.store.postgres.driver_errors import raise_storage_errors
    from agentd.store.postgres.migrate import LATEST, migrate, schema_version

    session = connect(server.conninfo)
    try:
        with raise_storage_errors(session.connection):
            before = schema_version(session)
            _refuse_other_than_meant(server, before, LATEST, expects_one=expects_one)
            applied = [migration.name for migration in migrate(session)]
    finally:
        session.close()
    if as_json:
        print_data({"server": str(server), "before": before, "schema": LATEST, "applied": applied})
    elif applied:
        was = f", was {before}" if before else ""
        print(f"schema {LATEST}{was}: {printable(server)}")
    else:
        print(f"schema {LATEST} was there already: {printable(server)}")
    return 0


def _refuse_other_than_meant(
    server: ServerUrl, before: int, latest: int, *, expects_one: bool
) -> None:
    if expects_one and before == 0:
        raise DatabaseRefused(
            f"there is no schema of agentd's in {server}: `agentd database init` makes one"
        )
    if not expects_one and 0 < before < latest:
        raise DatabaseRefused(
            f"there is schema {before} of agentd's in {server}, with what was recorded: "
            "`agentd database migrate` brings it up to date"
        )
