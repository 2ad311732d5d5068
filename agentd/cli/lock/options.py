"""What the verbs of resource locks take."""

from argparse import ArgumentTypeError

from agentd.cli.task.options import add_at
from agentd.cli.time_arguments import whole_seconds
from agentd.cli.usage import Parser, duration

_LONGEST_TTL = 315_360_000
_KEY = "what is locked: any text, or a path such as file:src/*.py or dir:src, from here"


def acquire(verb: Parser) -> None:
    """`agentd lock acquire`."""
    verb.add_argument("key", metavar="KEY", type=_key, help=_KEY)
    _add_terms(verb)


def release(verb: Parser) -> None:
    """`agentd lock release`."""
    verb.add_argument("key", metavar="KEY", help=_KEY)
    verb.add_argument("lease", metavar="LEASE", help="the lease, as `lock acquire` printed it")


def list_locks(verb: Parser) -> None:
    """`agentd lock list`."""
    verb.add_argument("--owner", metavar="NAME", help="only those of this owner")
    verb.add_argument("--prefix", metavar="TEXT", help="only keys that begin so, such as file:src/")
    verb.add_argument("--task", metavar="TASK", help="only those of this task")
    add_at(verb)


def run(verb: Parser) -> None:
    """`agentd lock run`."""
    verb.usage = "agentd lock run [OPTION ...] KEY [KEY ...] -- COMMAND [ARGUMENT ...]"
    verb.command = "agentd lock run file:notes.md -- vi notes.md"
    verb.details = _command_form
    verb.add_argument("keys", metavar="KEY", nargs="+", type=_key, help=_KEY)
    _add_terms(verb)


def _key(text: str) -> str:
    from agentd.client.lock_paths import lacks_path

    if (why := lacks_path(text)) is not None:
        raise ArgumentTypeError(why)
    return text


def _add_terms(verb: Parser) -> None:
    verb.add_argument(
        "--shared", action="store_true", help="others may have it too, if they share it as well"
    )
    verb.add_argument(
        "--wait",
        metavar="DURATION",
        type=duration,
        default=0,
        help="wait so long until it is free (default: 0)",
    )
    verb.add_argument(
        "--ttl",
        metavar="DURATION",
        type=whole_seconds(1, _LONGEST_TTL),
        help="how long it lasts without a heartbeat (default: the node timeout; in a command of "
        "`agentd work`: as long as the node's lease)",
    )
    verb.add_argument(
        "--owner", metavar="NAME", help="who has it (default: AGENTD_OWNER, else a process)"
    )
    verb.add_argument("--task", metavar="TASK", help="the task that it is for")
    verb.add_argument("--node", metavar="NODE", help="the node of that task that it is for")


def _command_form() -> str:
    from agentd.cli.lock.run import COMMAND_FORM

    return COMMAND_FORM
