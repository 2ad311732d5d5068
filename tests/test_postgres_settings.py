"""Settings that a database or a role has for everybody, and what agentd makes of them."""

from __future__ import annotations

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from agentd.store.postgres import PostgresStore
from tests.core import Core


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
