"""What the verbs of the database take."""

import argparse
from pathlib import Path

from agentd.cli.usage import Parser

_LONGEST_ROLE = 63
"""Bytes of a name that PostgreSQL keeps; of a longer one it takes the beginning."""

_NO_ROLES = {"public", "none"}


def replay(verb: Parser) -> None:
    """`agentd replay`."""
    what = verb.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="compare without writing: rows, hash chains, edges"
    )
    what.add_argument(
        "--until",
        metavar="SEQ|TIME",
        help="print a task as it was after that seq, or at that time (RFC 3339)",
    )
    verb.add_argument("--task", metavar="ID", help="the task to print, with --until")


def backup(verb: Parser) -> None:
    """`agentd backup`."""
    verb.add_argument("path", metavar="PATH", type=Path, help="the file to write")
    verb.add_argument("--force", action="store_true", help="replace the file, if it is there")


def restore(verb: Parser) -> None:
    """`agentd restore`."""
    verb.add_argument("path", metavar="PATH", type=Path, help="the backup; it is never changed")


def import_database(verb: Parser) -> None:
    """`agentd import-database`."""
    verb.add_argument(
        "path", metavar="PATH", type=Path, help="the file that it left; it is never changed"
    )
    verb.add_argument(
        "--dry-run", action="store_true", help="read all of it, say what it has, and take nothing"
    )


def check(verb: Parser) -> None:
    """`agentd database check`."""
    verb.details = _json_form


def grant_sql(verb: Parser) -> None:
    """`agentd database grant-sql`."""
    verb.add_argument(
        "role",
        metavar="ROLE",
        type=_role,
        help="a daemon's role on the server; CREATE ROLE makes one",
    )


def move(verb: Parser) -> None:
    """`agentd database move`."""
    verb.add_argument(
        "source", metavar="FROM", help="a file, or postgresql://USER@HOST/DATABASE; it is only read"
    )
    verb.add_argument("target", metavar="TO", help="likewise: nothing is there yet, or part of it")


def _role(text: str) -> str:
    if not text.isprintable() or not 0 < len(text.encode()) <= _LONGEST_ROLE:
        raise argparse.ArgumentTypeError(
            f"{text[:_LONGEST_ROLE]!a}: expected 1 to {_LONGEST_ROLE} bytes, all of them seen"
        )
    if text in _NO_ROLES:
        raise argparse.ArgumentTypeError(f"{text!r} is no role: it would be everybody, or nobody")
    return text


def _json_form() -> str:
    from agentd.cli.database.check import JSON_FORM

    return JSON_FORM
