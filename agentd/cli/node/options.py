"""What the verbs of nodes take."""

from agentd.cli.task.options import add_task_id
from agentd.cli.usage import Parser


def acquire(verb: Parser) -> None:
    """`agentd node acquire`."""
    add_task_id(verb)
    verb.add_argument(
        "--owner", metavar="NAME", default="anonymous", help="who works on it (default: anonymous)"
    )


def heartbeat(verb: Parser) -> None:
    """`agentd node heartbeat`."""
    _add_leased_node(verb)


def commit(verb: Parser) -> None:
    """`agentd node commit`."""
    _add_leased_node(verb, lease="the lease, or `none` where nobody holds the node")
    _add_payload(verb, "the event's payload")
    verb.add_argument(
        "--type",
        metavar="NAME",
        default="COMMIT_EVENT",
        help="what happened (default: COMMIT_EVENT)",
    )


def complete(verb: Parser) -> None:
    """`agentd node complete`."""
    _add_leased_node(verb)
    _add_payload(verb, "its result")


def fail(verb: Parser) -> None:
    """`agentd node fail`."""
    _add_leased_node(verb)
    _add_payload(verb, "its error")


def _add_leased_node(verb: Parser, lease: str = "the lease that it is held under") -> None:
    add_task_id(verb)
    verb.add_argument(
        "node", metavar="NODE", help="the node's name, its id, or a beginning or an end of that"
    )
    verb.add_argument("lease", metavar="LEASE", help=lease)


def _add_payload(verb: Parser, what: str) -> None:
    verb.add_argument(
        "payload",
        metavar="JSON",
        nargs="?",
        help=f"{what}, or - for standard input (default: null)",
    )
