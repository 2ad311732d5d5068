"""What the verbs of nodes take."""

from agentd.cli.node.settings import add_settings
from agentd.cli.task.options import add_at, add_task_id, add_why
from agentd.cli.time_arguments import seconds, whole_seconds
from agentd.cli.usage import Parser, amount, duration, whole_number

_LONGEST_WAIT = 60
_LONGEST_LEASE = 86_400
_MOST_ATTEMPTS = 10**9
_NODE = "the node's name, its id, or a beginning or an end of that"


def acquire(verb: Parser) -> None:
    """`agentd node acquire`."""
    add_task_id(verb)
    verb.add_argument(
        "--owner", metavar="NAME", help="who works on it (default: AGENTD_OWNER, else anonymous)"
    )
    verb.add_argument("--node", metavar="NODE", help="this node and no other, by its name or id")
    verb.add_argument(
        "--lease",
        metavar="DURATION",
        type=whole_seconds(1, _LONGEST_LEASE),
        help="how long the lease lasts (default: the node's own, or the node timeout)",
    )
    verb.add_argument(
        "--wait",
        metavar="DURATION",
        type=seconds(0, _LONGEST_WAIT),
        default=0,
        help="wait so long until one is runnable, at most 60s (default: 0)",
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
    verb.add_argument(
        "--checkpoint", action="store_true", help="the node's next holder goes on from this"
    )
    _add_usage(verb)


def checkpoint(verb: Parser) -> None:
    """`agentd checkpoint`."""
    verb.add_argument("payload", metavar="JSON", help="what to go on from, or - for standard input")


def complete(verb: Parser) -> None:
    """`agentd node complete`."""
    _add_leased_node(verb)
    _add_payload(verb, "its result")
    _add_usage(verb)


def fail(verb: Parser) -> None:
    """`agentd node fail`."""
    _add_leased_node(verb)
    _add_payload(verb, "its error")
    verb.add_argument(
        "--not-retryable", action="store_true", help="do not try it again, whatever it may"
    )
    verb.add_argument(
        "--retry-after",
        metavar="DURATION",
        type=duration,
        help="try it again after exactly this, in the place of its pause",
    )
    verb.add_argument("--kind", metavar="WORD", help="what went wrong, in a word")
    _add_usage(verb)


def release(verb: Parser) -> None:
    """`agentd node release`."""
    add_node(verb)
    verb.add_argument("lease", metavar="LEASE", nargs="?", help="the lease that it is held under")
    verb.add_argument(
        "--held-by",
        metavar="OWNER",
        help="in the place of LEASE: take it from this owner, whose worker is gone",
    )
    verb.add_argument(
        "--after", metavar="DURATION", type=duration, help="it is not handed out sooner"
    )
    verb.add_argument("--reason", metavar="TEXT", help="why, for the next holder")


def retry(verb: Parser) -> None:
    """`agentd node retry`."""
    add_node(verb)
    add_why(verb)


def done(verb: Parser) -> None:
    """`agentd node done`."""
    add_node(verb)
    verb.add_argument(
        "--result", metavar="JSON", help="its result, or - for standard input (default: null)"
    )
    verb.add_argument(
        "--owner", metavar="NAME", help="who did it (default: AGENTD_OWNER, else you)"
    )


def look(verb: Parser) -> None:
    """`agentd node show` and `why`."""
    add_node(verb)
    add_at(verb)


def add_node(verb: Parser) -> None:
    """The node that a verb is about."""
    add_task_id(verb)
    verb.add_argument("node", metavar="NODE", help=_NODE)


def log(verb: Parser) -> None:
    """`agentd node log`."""
    add_node(verb)
    verb.add_argument(
        "--attempt",
        metavar="N",
        type=whole_number(1, _MOST_ATTEMPTS),
        help="which attempt (default: the newest)",
    )
    verb.add_argument(
        "--follow", action="store_true", help="show what comes, until the attempt has ended"
    )
    verb.add_argument(
        "--stream", choices=("stdout", "stderr"), help="only this one (default: both)"
    )


def set_settings(verb: Parser) -> None:
    """`agentd node set`."""
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


def _add_usage(verb: Parser) -> None:
    verb.add_argument(
        "--usage",
        metavar="UNIT=AMOUNT",
        action="append",
        type=amount,
        default=[],
        help="what was used since it was told last, such as usd=0.12; may be given again",
    )
