"""What is so on a server, asked without changing anything.

The rule this file keeps: it asks any server that lets it in, those too that agentd would refuse,
and each question only of what is known to be there and to be readable. What it means is judged
elsewhere.
"""

from ipaddress import ip_address
from typing import Any

import psycopg
from msgspec import Struct

from agentd.store.postgres.connecting import SCHEMA, dial
from agentd.store.postgres.driver_errors import raise_storage_errors
from agentd.store.postgres.grants import CALLED, CHANGING, NEEDED
from agentd.store.postgres.migrate import LATEST, NUMBER, is_ours
from agentd.store.postgres.pooling import Pooler, find_pooler

_SERVER = f"""
SELECT current_setting('server_version'), version(), current_setting('server_encoding'),
    pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', current_user,
    current_database(), rolsuper, coalesce(
        (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = '{SCHEMA}'),
        has_database_privilege(current_database(), 'CREATE')
    )
FROM pg_roles WHERE rolname = current_user
"""
_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes')
"""
_SCHEMA = """
SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1
"""
_TABLES = """
SELECT relname, pg_has_role(relowner, 'USAGE'), ARRAY(
    SELECT asked FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS asked
    WHERE has_table_privilege(pg_class.oid, asked)
)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relkind IN ('r', 'p')
"""
_CALLED = """
SELECT has_function_privilege(pg_proc.oid, 'EXECUTE') FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = $1 AND proname = $2
"""
_GUARDS = """
SELECT count(*) FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relname = 'journal' AND tgenabled IN ('O', 'A') AND tgname IN
    ('journal_no_update', 'journal_no_delete', 'journal_no_truncate')
"""
_GUARD_COUNT = 3
# One question, so that both are of one moment, beside daemons that write.
_ENDS = f"""
SELECT told.seq, told.at, last.seq, last.at FROM {SCHEMA}.journal_end AS told
LEFT JOIN (SELECT seq, at FROM {SCHEMA}.journal ORDER BY seq DESC LIMIT 1) AS last ON true
"""


class Place(Struct, frozen=True):
    """A place in the journal, and its moment in Unix milliseconds."""

    seq: int
    at: int


class Access(Struct, frozen=True):
    """What the role may do with the schema.

    `lacking` are privileges that a daemon needs, such as `INSERT on journal`; `changing` are those
    that would change the journal, of which `owns_journal` has all.
    """

    may_use: bool
    owns_journal: bool = False
    lacking: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()


class Journal(Struct, frozen=True):
    """The journal's end: as it is `told` to whoever writes, and as the `last` record has it.

    `told` is None where nobody is told; `is_guarded`: its triggers are there and switched on.
    """

    told: Place | None
    last: Place | None
    is_guarded: bool


class Server(Struct, frozen=True):
    """What the server says of itself, of the database, and of whom it takes us for.

    `about` is what it calls itself; `may_create`: may the role make agentd's schema?
    """

    version: str
    about: str
    encoding: str
    is_replica: bool
    is_read_only: bool
    role: str
    database: str
    is_superuser: bool
    may_create: bool


class ServerState(Struct, frozen=True):
    """What is so.

    `number` is the server's version, as 150018 for 15.18. `durability` are its settings by their
    names, with `synchronous_commit` as agentd has it, `default_commit` as it is where nobody asks.
    `is_here`: no network leads there.
    `schema` is the number of agentd's, 0 without one, None where the role may not look; `latest`
    the one that this agentd works with. `access` is None where nothing of agentd's is in it,
    `journal` where it is not known how to ask for it.
    """

    server: Server
    number: int
    durability: dict[str, str]
    default_commit: str
    is_here: bool
    is_encrypted: bool
    pooler: Pooler
    schema: int | None
    latest: int = LATEST
    access: Access | None = None
    journal: Journal | None = None


def inspect(url: str) -> ServerState:
    """What is so at `url`. Raises `DatabaseGone`, `DatabaseRefused`, `StorageError`."""
    connection = dial(url)
    try:
        with raise_storage_errors(connection):
            return _inspect(connection, url)
    finally:
        connection.close()


def _inspect(connection: "psycopg.Connection", url: str) -> ServerState:
    server = Server(*_row(connection, _SERVER))
    default_commit = _durability(connection)["synchronous_commit"]
    connection.execute("SET synchronous_commit = on")  # as agentd does where the default is less
    access = _access(connection)
    schema = 0 if access is None else _schema(connection, access)
    is_known = access is not None and schema == LATEST and not access.lacking
    return ServerState(
        server,
        connection.info.server_version,
        _durability(connection),
        default_commit,
        _is_here(connection.info),
        connection.pgconn.ssl_in_use,
        find_pooler(connection, url),
        schema,
        access=access,
        journal=_journal(connection) if is_known else None,
    )


def _is_here(info: "psycopg.ConnectionInfo") -> bool:
    return info.host.startswith(("/", "@")) or ip_address(info.hostaddr).is_loopback


def _row(connection: "psycopg.Connection", sql: str, *bound: str) -> Any:
    """The first row that a question finds, None where there is none."""
    return connection.execute(sql, bound).fetchone()


def _durability(connection: "psycopg.Connection") -> dict[str, str]:
    return dict(connection.execute(_SETTINGS).fetchall())


def _access(connection: "psycopg.Connection") -> Access | None:
    schema = _row(connection, _SCHEMA, SCHEMA)
    if schema is None:
        return None
    found = connection.execute(_TABLES, (SCHEMA,)).fetchall()
    owned, held = ({name: row[at] for name, *row in found} for at in (0, 1))
    if not is_ours(held):
        return None
    lacking = [
        f"{privilege} on {name}"
        for name, needed in NEEDED.items()
        for privilege in needed
        if name in held and privilege not in held[name]
    ]
    if _row(connection, _CALLED, SCHEMA, CALLED) == (False,):
        lacking.append(f"EXECUTE on {CALLED}")
    return Access(
        schema[0],
        owned.get("journal", False),
        tuple(lacking),
        tuple(each for each in CHANGING if each in held.get("journal", ())),
    )


def _schema(connection: "psycopg.Connection", access: Access) -> int | None:
    if not access.may_use or "SELECT on migrations" in access.lacking:
        return None
    return int(_row(connection, NUMBER)[0])


def _journal(connection: "psycopg.Connection") -> Journal:
    ends = _row(connection, _ENDS)
    guards = _row(connection, _GUARDS, SCHEMA)[0]
    if ends is None:
        return Journal(None, None, guards == _GUARD_COUNT)
    last = None if ends[2] is None else Place(*ends[2:])
    return Journal(Place(*ends[:2]), last, guards == _GUARD_COUNT)
