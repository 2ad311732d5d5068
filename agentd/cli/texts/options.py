"""What the verbs that print a text take."""

from pathlib import Path

from agentd.cli.usage import Parser


def skill(verb: Parser) -> None:
    """`agentd skill`."""
    verb.add_argument("--install", metavar="DIR", type=Path, help="put it into this folder instead")


def completion(verb: Parser) -> None:
    """`agentd completion`."""
    verb.add_argument("shell", metavar="SHELL", help="bash, zsh, tcsh, fish or powershell")


def complete(verb: Parser) -> None:
    """`agentd complete`."""
    verb.add_argument("what", choices=("tasks", "nodes", "limits", "labels"), help="of what")
    verb.add_argument("line", metavar="LINE", nargs="?", default="", help="what was typed so far")


def help_(verb: Parser) -> None:
    """`agentd help`."""
    verb.add_argument("words", metavar="VERB", nargs="*", help="a verb, or a group and its verb")
