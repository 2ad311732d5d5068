"""A database on a server: can a daemon work on it, and is what it records safe there?

The rule this file keeps: it looks and changes nothing, and tells all that it finds, also of a
server that no daemon would start on.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from agentd.doctor.finding import Finding, Subject, failed, not_checked, ok, warning
from agentd.errors import DatabaseGone, DatabaseRefused, Failure, StorageError
from agentd.server_url import ServerUrl
from agentd.text import printable

if TYPE_CHECKING:
    from agentd.store.postgres.inspection import Access, Journal, ServerState

_OTHERS = ("CockroachDB", "-YB-")
"""What calls itself so speaks PostgreSQL's protocol, and is something else."""

_SHOWN = 3
"""Privileges that are told by name."""

_LOST = "stop the daemons, keep a copy for a look, and go back to a backup of the whole database"
_GRANT = "`agentd database grant-sql ROLE` prints what a daemon's role needs, for the owner to run"


def server(subject: Subject) -> Iterator[Finding]:
    """The server that has the database; nothing where it is a file."""
    if subject.server is not None:
        yield from look_at(subject.server)


def look_at(url: ServerUrl) -> Iterator[Finding]:
    """All that is asked of a server; what no daemon would start on is failed."""
    if find_spec("psycopg") is None:
        told = "this agentd cannot talk to PostgreSQL: psycopg is missing"
        yield failed("server", told, "install the extra `postgres`")
        return
    try:
        from agentd.store.postgres.inspection import inspect  # noqa: PLC0415 - it needs the extra

        state = inspect(url.conninfo)
    except (Failure, StorageError) as error:
        told = error.why if isinstance(error, StorageError) else str(error)
        yield failed("server", told, _advice(url, error))
    except ImportError as error:
        told = f"this agentd cannot talk to PostgreSQL: psycopg does not load: {printable(error)}"
        yield failed("server", told, "install the extra `postgres`, which brings libpq along")
    else:
        yield from judge(url, state)


def _advice(url: ServerUrl, error: Exception) -> str:
    if isinstance(error, DatabaseGone):
        return f"start the server, or correct host and port in {url}"
    if isinstance(error, DatabaseRefused):
        return f"correct {url}, or what the server lets in; its log may say more"
    return "look at the server's log"


def judge(url: ServerUrl, state: "ServerState") -> Iterator[Finding]:
    """What there is to say of a server that let us in."""
    yield from _server(url, state)
    yield _encoding(state)
    yield from _durability(state)
    yield _tls(url, state)
    yield from _pooler(state)
    yield _schema(state)
    yield _role(state)
    yield from _journal(state)


def _server(url: ServerUrl, state: "ServerState") -> Iterator[Finding]:
    from agentd.store.postgres.connecting import OLDEST_SERVER  # noqa: PLC0415 - as above

    found = state.server
    told = f"PostgreSQL {found.version} at {url}: database {found.database}, role {found.role}"
    other = next((each for each in _OTHERS if each in found.about), None)
    if other is not None:
        told = f"{found.about} speaks PostgreSQL's protocol, and is something else"
        yield warning("server", told, "try it with what can be lost, or take PostgreSQL itself")
    elif state.number < OLDEST_SERVER:
        oldest = OLDEST_SERVER // 10_000
        yield failed("server", told, f"agentd needs PostgreSQL {oldest} or newer")
    else:
        yield ok("server", told)
    if found.is_replica:
        told = "the server is a replica, which nobody can write to"
        yield failed("server", told, "name the primary, or both with commas between them")
    elif found.is_read_only:
        told = "the server is read-only: default_transaction_read_only is on"
        yield failed("server", told, "switch it off for agentd's role, or name another server")


def _encoding(state: "ServerState") -> Finding:
    encoding = state.server.encoding
    if encoding == "UTF8":
        return ok("encoding", "UTF8")
    told = f"the database's encoding is {encoding}, which does not have every text"
    return failed("encoding", told, "make one with ENCODING 'UTF8' TEMPLATE template0")


def _durability(state: "ServerState") -> Iterator[Finding]:
    from agentd.store.postgres.connecting import DURABLE  # noqa: PLC0415 - as above

    settings = state.durability
    told = ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))
    if settings["fsync"] == "off":
        told = "fsync=off: when the server's machine fails, what was acknowledged is lost, or all"
        yield failed("durability", told, "set fsync = on in the server's settings")
    elif settings["synchronous_commit"] not in DURABLE:
        told = f"synchronous_commit={settings['synchronous_commit']}, and cannot be switched on"
        yield failed("durability", told, "have it on for agentd's role: ALTER ROLE ... SET")
    elif settings["full_page_writes"] == "off":
        told = "full_page_writes=off: a page that was half written when the power went stays so"
        advice = "set it on, unless the server's file system never writes half a page, as ZFS"
        yield warning("durability", told, advice)
    elif state.default_commit not in DURABLE:
        yield ok("durability", f"{told}; others have synchronous_commit={state.default_commit}")
    else:
        yield ok("durability", f"{told}, as read back")


def _tls(url: ServerUrl, state: "ServerState") -> Finding:
    is_verified = url.get("sslmode") == "verify-full"
    if state.is_encrypted and is_verified:
        return ok("TLS", "in force, and the server has shown that it is the one")
    if state.is_here:
        return ok("TLS", f"{'in' if state.is_encrypted else 'not in'} force, on this machine")
    advice = "set sslmode=verify-full in AGENTD_DATABASE_URL, and sslrootcert"
    if state.is_encrypted:
        told = "in force, and nothing shows that it is the server that answers"
        return warning("TLS", told, advice)
    told = "not in force: whoever is on the way can read all that is sent, and answer in its place"
    return warning("TLS", told, advice)


def _pooler(state: "ServerState") -> Iterator[Finding]:
    from agentd.store.postgres.pooling import Pooler  # noqa: PLC0415 - as above

    if state.pooler is Pooler.SHARED:
        told = "one lends its connections to the server for a transaction at a time"
        yield failed("pooler", told, "name the server itself, or a pool with pool_mode = session")
    elif state.pooler is Pooler.OWN:
        told = "one is between here and the server, and keeps a connection for each of agentd's"
        yield ok("pooler", told)
    else:
        yield ok("pooler", "none between here and the server")


def _schema(state: "ServerState") -> Finding:
    found, latest = state.schema, state.latest
    if found is None:
        return not_checked("schema", "role")
    if found == 0 and state.server.may_create:
        return ok("schema", "none yet: the first daemon makes it, or `agentd database init`")
    if found == 0:
        advice = "`agentd database init` with the URL of a role that may; then grant-sql"
        return failed("schema", f"none yet, and {state.server.role} may make none", advice)
    if found > latest:
        told = f"schema {found}, and this agentd works with {latest}"
        return failed("schema", told, "use the newer agentd that made it")
    if found < latest:
        told = f"schema {found}, and this agentd works with {latest}"
        return warning("schema", told, "`agentd database migrate`, or start this agentd's daemon")
    return ok("schema", f"agentd's own, schema {found}")


def _role(state: "ServerState") -> Finding:
    name, access = state.server.role, state.access
    if state.server.is_superuser:
        told = f"{name} is a superuser: nothing on the server keeps it from anything"
        return warning("role", told, f"give agentd a role of its own: {_GRANT}")
    if access is None:
        return ok("role", f"{name} is no superuser")
    if not access.may_use:
        return failed("role", f"{name} may not use agentd's schema", _GRANT)
    if access.lacking:
        return failed("role", f"{name} lacks {_name_some(access.lacking)}", _GRANT)
    return ok("role", _how_it_appends(name, access))


def _how_it_appends(name: str, access: "Access") -> str:
    if access.owns_journal:
        return f"{name} owns the journal: triggers keep it append-only, and it could drop them"
    if access.changing:
        return f"{name} may {_name_some(access.changing)} the journal, but for its triggers"
    return f"{name} may append to the journal and read it, and change nothing in it"


def _name_some(words: tuple[str, ...]) -> str:
    shown = ", ".join(words[:_SHOWN])
    more = len(words) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _journal(state: "ServerState") -> Iterator[Finding]:
    if state.journal is None:
        if state.schema != 0:
            yield not_checked("journal", "schema and role")
        return
    found = state.journal
    if not found.is_guarded:
        told = "a trigger that keeps the journal append-only is gone or switched off"
        advice = (
            "find out who did it; `ALTER TABLE agentd.journal ENABLE TRIGGER USER` switches it on"
        )
        yield failed("journal", told, advice)
    yield _end(found)


def _end(found: "Journal") -> Finding:
    told, last = found.told, found.last
    if told is None:
        return failed("journal", "journal_end has no row: nothing can be recorded", _LOST)
    if (told.seq, told.at) == ((last.seq, last.at) if last is not None else (0, 0)):
        return ok("journal", f"{told.seq:,} events; journal_end says the same")
    reaches = "nowhere" if last is None else f"to seq {last.seq:,}"
    words = (
        f"journal_end says that the journal reaches to seq {told.seq:,}, and it reaches {reaches}"
    )
    return failed("journal", words, _LOST)
