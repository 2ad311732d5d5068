"""What the verbs of gates take."""

from agentd.cli.node.options import add_node
from agentd.cli.usage import Parser


def list_gates(verb: Parser) -> None:
    """`agentd gate list`."""
    verb.add_argument("--task", metavar="TASK", help="only those of this task")
    verb.add_argument(
        "--decided", action="store_true", help="those that were decided, and not those that wait"
    )


def decide(verb: Parser) -> None:
    """`agentd gate approve` and `reject`."""
    add_node(verb)
    verb.add_argument("--note", metavar="TEXT", help="why; whoever works behind it finds it")
    verb.add_argument("--by", metavar="NAME", help="who decides (default: your user's name)")
