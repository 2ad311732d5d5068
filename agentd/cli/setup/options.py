"""What `agentd setup` takes."""

from agentd.cli.usage import Parser

_EXAMPLES = """\
examples:
  agentd setup claude --dry-run   what it would write, for the current folder
  agentd setup codex --user       for this user, everywhere
  agentd setup claude --undo      take out what agentd put in, and nothing else
  agentd setup --check            whether all that was set up is still there
"""


def setup(verb: Parser) -> None:
    """`agentd setup`."""
    verb.details = lambda: _EXAMPLES
    verb.add_argument(
        "harness",
        metavar="AGENT",
        nargs="?",
        choices=("claude", "codex", "cursor", "gemini"),
        help="claude, codex, cursor or gemini; with --check it may be left out",
    )
    scope = verb.add_mutually_exclusive_group()
    scope.add_argument(
        "--project",
        action="store_true",
        help="for who works in the current folder (the default, but in your home)",
    )
    scope.add_argument("--user", action="store_true", help="for you, in every folder")
    action = verb.add_mutually_exclusive_group()
    action.add_argument("--undo", action="store_true", help="take out what agentd put in")
    action.add_argument("--check", action="store_true", help="only say whether it is in place")
    verb.add_argument("--dry-run", action="store_true", help="show the changes, and write nothing")
    verb.add_argument(
        "--program",
        metavar="PATH",
        help="the agentd that is to be run (default: this one, where its path will stay)",
    )
