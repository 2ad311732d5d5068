"""What the verbs of nodes take."""

from agentd.cli.node.settings import add_settings
from agentd.cli.task.options import add_task_id
from agentd.cli.usage import Parser, duration, whole_number

_LONGEST_WAIT = 60
_NODE = "the node's name, its id, or a beginning or an end of that"


def acquire(verb: Parser) -> None:
    """`agentd node acquire`."""
    add_task_id(verb)
    verb.add_argument(
        "--owner", metavar="NAME", default="anonymous", help="who works on it (default: anonymous)"
    )
    verb.add_argument("--node", metavar="NODE", help="this node and no other, by its name or id")
    verb.add_argument(
        "--lease",
        metavar="SECONDS",
        type=whole_number(1, 86_400),
        help="how long the lease lasts (default: the node's own, or the node timeout)",
    )
    verb.add_argument(
        "--wait",
        metavar="SECONDS",
        type=whole_number(0, _LONGEST_WAIT),
        default=0,
        help="wait so long until one is runnable, at most 60 (default: 0)",
    )
    verb.add_argument(
        "--label",
        metavar="LABEL",
        action="append",
        default=[],
        help="a label that nodes may require; may be given again",
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
    verb.add_argument(
        "--not-retryable", action="store_true", help="do not try it again, whatever it may"
    )
    verb.add_argument(
        "--retry-after",
        metavar="SECONDS",
        type=duration,
        help="try it again after exactly this, in the place of its pause",
    )
    verb.add_argument("--kind", metavar="WORD", help="what went wrong, in a word")


def release(verb: Parser) -> None:
    """`agentd node release`."""
    _add_leased_node(verb)
    verb.add_argument(
        "--after", metavar="SECONDS", type=duration, help="it is not handed out sooner"
    )
    verb.add_argument("--reason", metavar="TEXT", help="why, for the next holder")


def retry(verb: Parser) -> None:
    """`agentd node retry`."""
    add_task_id(verb)
    verb.add_argument("node", metavar="NODE", nargs="?", help=_NODE)
    verb.add_argument("--failed", action="store_true", help="every node that failed, and can be")
    verb.add_argument("--reason", metavar="TEXT", help="why, for the journal")
    verb.add_argument("--by", metavar="NAME", help="who wants it, for the journal")


def add_node(verb: Parser) -> None:
    """`agentd node show` and `explain`."""
    add_task_id(verb)
    verb.add_argument("node", metavar="NODE", help=_NODE)


def update(verb: Parser) -> None:
    """`agentd node update`."""
    add_node(verb)
    add_settings(verb)


def _add_leased_node(verb: Parser, lease: str = "the lease that it is held under") -> None:
    add_node(verb)
    verb.add_argument("lease", metavar="LEASE", help=lease)


def _add_payload(verb: Parser, what: str) -> None:
    verb.add_argument(
        "payload",
        metavar="JSON",
        nargs="?",
        help=f"{what}, or - for standard input (default: null)",
    )
