"""Settings that a database or a role has for everybody, and what agentd makes of them."""

from __future__ import annotations

import time

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from agentd.store.postgres import PostgresStore
from tests.core import Core

BOUND_MS = "1000"
LONGER = 1.2
"""Seconds."""


def set_for_all(url: str, **settings: str) -> None:
    """Have these settings in every session that begins in the database from now on."""
    name = Identifier(url.rpartition("/")[2])
    with psycopg.connect(url, autocommit=True) as by_hand:
        for setting, value in settings.items():
            parts = name, Identifier(setting), Literal(value)
            by_hand.execute(SQL("ALTER DATABASE {} SET {} = {}").format(*parts))


def test_how_a_database_reads_and_writes_values_makes_no_difference(database_url: str) -> None:
    """Texts, dates and bytes are agentd's own affair, from the making of the schema on."""
    set_for_all(
        database_url,
        standard_conforming_strings="off",
        bytea_output="escape",
        DateStyle="SQL, DMY",
        TimeZone="Asia/Kathmandu",
        search_path="public",
        default_transaction_isolation="serializable",
    )
    store = PostgresStore.open(database_url)
    core = Core(store)
    assert core.do("AcquireResourceLock", resource_key="file:/a_b/c%d/*.py") is not None
    for key, is_free in (
        ("file:/a_b/c%d/x.py", False),
        ("dir:/a_b/c%d", False),
        ("file:/a_b/*/y.py", False),
        ("file:/axb/c%d/x.py", True),
    ):
        found = core.do("AcquireResourceLock", resource_key=key)
        assert (found is not None) == is_free, key
    assert len(core.journal()) == 2
    store.close()


def test_bounds_that_are_meant_for_others_end_no_session(database_url: str) -> None:
    """A large plan takes its time, and who has nothing to do for long is still connected."""
    with psycopg.connect(database_url) as by_hand:
        version = by_hand.info.server_version
    bounds = {"statement_timeout": BOUND_MS}
    if version >= 140_000:
        bounds["idle_session_timeout"] = BOUND_MS
    if version >= 170_000:
        bounds["transaction_timeout"] = BOUND_MS
    set_for_all(database_url, **bounds)
    store = PostgresStore.open(database_url)
    with store.write() as tx:
        tx._session.run((f"SELECT pg_sleep({LONGER})", None))  # noqa: SLF001 - as a large plan does
    with store.read() as reader:
        reader._session.run((f"SELECT pg_sleep({LONGER})", None))  # noqa: SLF001
    time.sleep(LONGER)
    with store.write() as tx:
        assert tx.last_seq() == 0
    with store.read() as reader:
        assert reader.last_seq() == 0
    store.close()
