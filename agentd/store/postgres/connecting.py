"""Connections as agentd wants them, and which servers it refuses.

The rules this file keeps: what is committed is on the server's disk, whatever the server's default
is; no connection waits for ever, neither here nor there, and none is ended sooner because a
database or a role has bounds for everybody; and what belongs to agentd is in a schema of its own,
so that the database may have other things in it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from traceback import clear_frames
from typing import Any

import psycopg
from psycopg import RawCursor, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryDumper

from agentd.errors import DatabaseGone, DatabaseRefused
from agentd.store.postgres.driver_errors import first_line, raise_storage_errors
from agentd.store.postgres.session import GIVEN_UP, Session

SCHEMA = "agentd"
APPLICATION = "agentd"
"""What daemons are called in the server's list of who is connected."""

OLDEST_SERVER = 130_000
"""13: the oldest that its makers still mended when this was written was 14."""

CONNECT_SECONDS = 3
"""How long a server may take to let somebody in, and to answer his first questions."""

HANGING_SECONDS = 5
"""How long a server keeps the lock of a silent client."""

LOCK_SECONDS = 15
"""How long one waits for a lock: others may keep it for a plan of 20,000 nodes, some 4 s."""

_READING_SECONDS = 600
"""How long it keeps the snapshot of a silent client: a check has much to think between two reads.
"""

WRITING_SECONDS = 300
"""How long it keeps the lock of one that sends on and on, or of which half a message is lost."""

_HAS_SESSION_TIMEOUT = 140_000
_HAS_TRANSACTION_TIMEOUT = 170_000

# Where `tcp_user_timeout` is over Linux gives up at one look that has no answer yet, whatever the
# count: three fit into it, so a machine that was busy for a moment does not lose what was idle.
NETWORK = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": HANGING_SECONDS * 1_000,
}
"""How long one waits for the network, in libpq's words, where the URL says nothing of it."""

_SETTINGS = f"""
SET search_path = {SCHEMA};
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET default_transaction_isolation = 'read committed';
SET idle_in_transaction_session_timeout = '{_READING_SECONDS}s';
SET statement_timeout = 0;
SET tcp_keepalives_idle = 5;
SET tcp_keepalives_interval = 2;
SET tcp_keepalives_count = 3;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_sort = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET plan_cache_mode = force_generic_plan;
SET jit = off;
"""
# Every question is meant to be answered from an index, in the index's order, whatever the server
# knows about how many rows there are, or guesses: so no plan changes over night, and none is made
# twice. What has no index for its order is sorted all the same.

_NO_BOUNDS = {
    _HAS_SESSION_TIMEOUT: "idle_session_timeout",
    _HAS_TRANSACTION_TIMEOUT: "transaction_timeout",
}
"""What would end a daemon's sessions because it has little to do, or much; by the first version."""

# Who was not let in has no SQLSTATE: the words are all that there is.
_REFUSALS = {
    ("no password supplied",): (
        "the database server asks for a password, and none is in AGENTD_DATABASE_URL, PGPASSWORD "
        "or ~/.pgpass"
    ),
    ("authentication failed", "pg_hba.conf", "permission denied"): (
        "the database server lets nobody in as this user"
    ),
    ("certificate", "not support SSL"): "the connection to the database server is not "
    "as safe as `sslmode` says",
    ("does not exist", "is not permitted to log in"): (
        "the database server has no such database or role"
    ),
    ("definition of service",): "libpq's service file does not have it",
}

logging.getLogger("psycopg").addHandler(logging.NullHandler())
# What it says of connections that broke is raised as well, and told by whoever asked.

DURABLE = ("on", "remote_apply")
"""Of `synchronous_commit`: what is committed is on the server's disk."""

_STATE = """
SELECT current_setting('synchronous_commit'), current_setting('server_encoding'),
    pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'
"""


def connect(url: str, **more: Any) -> Session:
    """A connection to a server that agentd may write to.

    Raises `DatabaseGone` where none can be reached, `DatabaseRefused` where one is and must not be
    used, or does not let us in.
    """
    session = Session(dial(url, **more))
    alarm = Timer(CONNECT_SECONDS, session.interrupt)  # nobody else knows of the connection yet
    alarm.daemon = True
    alarm.start()
    try:
        _prepare(session.connection)
    except psycopg.Error as error:
        session.close()
        raise _refusal(GIVEN_UP if session.is_given_up else first_line(error)) from error
    except BaseException:
        session.close()
        raise
    finally:
        alarm.cancel()
    return session


def connect_tool(url: str) -> Session:
    """As `connect`, for a person's tool: it may think for longer than a daemon between questions.

    It is known by another name than a daemon.
    """
    session = connect(url, application_name=f"{APPLICATION} tool")
    with raise_storage_errors(session.connection):
        session.run(("SET idle_in_transaction_session_timeout = 0", None))
    return session


@contextmanager
def tool_session(url: str) -> Iterator[Session]:
    """One of `connect_tool` for the length of the block, with its errors in agentd's words."""
    session = connect_tool(url)
    try:
        with raise_storage_errors(session.connection):
            yield session
    finally:
        session.close()


def dial(url: str, **more: Any) -> "psycopg.Connection":
    """A connection to whatever server there is. Raises as `connect`.

    What its URL says of waiting for the network counts.
    """
    try:
        said = conninfo_to_dict(url)
        network = {name: value for name, value in NETWORK.items() if name not in said}
        return psycopg.connect(
            url,
            autocommit=True,
            cursor_factory=RawCursor,
            prepare_threshold=None,  # `Pipeline` does that: the driver drops all at a rollback
            **{**network, "application_name": APPLICATION, **more},
        )
    except errors.OperationalError as error:
        # The driver's frames keep the socket of a server that said nothing, and the error keeps
        # them in a circle: a daemon that collects garbage seldom would have ever more of them.
        clear_frames(error.__traceback__)
        raise _refusal(first_line(error)) from error
    except psycopg.Error as error:
        raise DatabaseRefused(f"the database server: {first_line(error)}") from error


def hold_briefly(session: Session) -> None:
    """Have the server end transactions of this session that hold the lock of writers for long.

    A client that is silent is idle for the server only when it has sent a whole message. Raises
    errors of psycopg.
    """
    bounds = {"idle_in_transaction_session_timeout": HANGING_SECONDS}
    if session.connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT:
        bounds["transaction_timeout"] = WRITING_SECONDS
    for name, seconds in bounds.items():
        session.run((f"SET {name} = '{seconds}s'", None))


def _refusal(told: str) -> DatabaseGone | DatabaseRefused:
    for words, meaning in _REFUSALS.items():
        if any(each in told for each in words):
            return DatabaseRefused(f"{meaning}: {told}")
    return DatabaseGone(
        f"the database server cannot be reached: {told}; nothing of this request is recorded"
    )


def _prepare(connection: psycopg.Connection) -> None:
    # One type for all whole numbers: else each of their sizes is another statement to prepare.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseRefused(
            f"the database server is PostgreSQL {connection.info.server_version // 10_000}: "
            f"agentd needs {OLDEST_SERVER // 10_000} or newer"
        )
    connection.execute(_SETTINGS)
    for since, name in _NO_BOUNDS.items():
        if connection.info.server_version >= since:
            connection.execute(f"SET {name} = 0")
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    found = connection.execute(_STATE).fetchone()
    assert found is not None  # noqa: S101 - a SELECT without a table has one row
    commit, encoding, is_replica, is_read_only = found
    if encoding != "UTF8":
        raise DatabaseRefused(
            f"the database's encoding is {encoding}: agentd keeps texts in any language; make one "
            "with ENCODING 'UTF8' TEMPLATE template0"
        )
    if is_replica:
        raise DatabaseRefused("the database server is a replica: name the one that is written to")
    if is_read_only:
        raise DatabaseRefused(
            "the database server is read-only (default_transaction_read_only): agentd writes"
        )
    if commit not in DURABLE:
        _insist_on_durability(connection)


def _insist_on_durability(connection: psycopg.Connection) -> None:
    """What was answered is on the server's disk: some servers are set up to be faster than that."""
    connection.execute("SET synchronous_commit = on")
    found = connection.execute("SHOW synchronous_commit").fetchone()
    if found != ("on",):
        raise DatabaseRefused(
            f"synchronous_commit is {found and found[0]}, and cannot be switched on: what agentd "
            "answers must be on the server's disk"
        )
