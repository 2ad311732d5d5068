"""What a daemon's role may do, and the SQL that lets one do that and no more.

The rule this file keeps: the journal is read and appended to. Who owns the schema may switch its
triggers off; a role of this kind may not, so what was recorded stays as it was, whoever gets hold
of the role.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import LiteralString

from psycopg.sql import SQL, Composable, Identifier

from agentd.projections import PROJECTIONS
from agentd.store.postgres.connecting import SCHEMA

_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")

NEEDED: Mapping[str, tuple[str, ...]] = {
    "migrations": ("SELECT",),
    "journal": ("SELECT", "INSERT"),
    "journal_end": ("SELECT", "UPDATE"),
    "changes": _ROWS,
    "requests": _ROWS,
    **{projection.name: _ROWS for projection in PROJECTIONS},
}
"""What a daemon does with each table of the schema."""

CALLED = "like_of_glob"
"""The function that questions call, with a text: everybody may, unless a database is strict."""

CHANGING = ("UPDATE", "DELETE", "TRUNCATE")
"""What nobody needs to do with the journal."""


def grants(role: str, database: str | None) -> Iterator[str]:
    """Statements for the schema's owner, after which that role can be a daemon's.

    Run again, after a migration, they grant what is new. Without a `database` what is granted of
    that is left out.
    """
    yield "BEGIN;"
    for statement in _statements(Identifier(role), database):
        yield f"{statement.as_string()};"
    yield "COMMIT;"


def _statements(role: Identifier, database: str | None) -> Iterator[Composable]:
    if database is not None:
        yield SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), role)
    yield SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(SCHEMA), role)
    for name, privileges in NEEDED.items():
        yield _on_table("GRANT {} ON {} TO {}", privileges, name, role)
    called = Identifier(SCHEMA, CALLED)
    yield SQL("GRANT EXECUTE ON FUNCTION {}(text) TO {}").format(called, role)
    yield _on_table("REVOKE {} ON {} FROM {}", CHANGING, "journal", role)


def _on_table(
    form: LiteralString, privileges: Iterable[str], name: str, role: Identifier
) -> Composable:
    what = SQL(", ").join(map(SQL, privileges))
    return SQL(form).format(what, Identifier(SCHEMA, name), role)
