"""What the verbs that print a text take."""

from pathlib import Path

from agentd.cli.usage import Parser


def skill(verb: Parser) -> None:
    """`agentd skill`."""
    verb.add_argument("--install", metavar="DIR", type=Path, help="put it into this folder instead")


def completion(verb: Parser) -> None:
    """`agentd completion`."""
    verb.add_argument("shell", metavar="SHELL", help="bash, zsh, tcsh, fish or powershell")
