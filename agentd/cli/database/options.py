"""What the verbs of the database take."""

from pathlib import Path

from agentd.cli.usage import Parser


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
