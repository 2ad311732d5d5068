"""What the verbs of workers take."""

from pathlib import Path

from agentd.cli.usage import Parser, duration, positive_seconds, whole_number

_MOST_AT_ONCE = 1000
_MOST_FAILURES = 1_000_000
MOST_AGENTS = 64
"""As in agentd.loop.settings, which is not imported to parse a command line."""


def work(verb: Parser) -> None:
    """`agentd work`."""
    verb.usage = "agentd work (--task ID | --all) [OPTION ...] -- COMMAND [ARGUMENT ...]"
    verb.command = "agentd work --task ID -- echo hi"
    verb.details = _command_form
    whose = verb.add_mutually_exclusive_group(required=True)
    whose.add_argument("--task", metavar="ID", help="only this task, until nothing of it can run")
    whose.add_argument("--all", action="store_true", help="everybody's tasks, until it is stopped")
    verb.add_argument(
        "--concurrency",
        metavar="N",
        type=whole_number(1, _MOST_AT_ONCE),
        help="nodes at a time (default: 1)",
    )
    verb.add_argument(
        "--owner",
        metavar="NAME",
        help="who holds the leases (default: AGENTD_OWNER, else agentd, and the process)",
    )
    verb.add_argument(
        "--label",
        metavar="LABEL",
        action="append",
        default=[],
        help="a label that nodes may require; may be given again",
    )
    verb.add_argument(
        "--max-failures",
        metavar="N",
        type=whole_number(0, _MOST_FAILURES),
        help="stop after so many nodes that failed, each counted once, or lost leases in a row "
        "(default: 3; 0: never)",
    )
    _add_policy(verb)
    verb.add_argument(
        "--context",
        choices=("node", "task", "none"),
        default="node",
        help="whose events it reads: the node's and its dependencies' (default), the task's, none",
    )


def _add_policy(verb: Parser) -> None:
    """What becomes of commands that take too long, are to end, or cannot go on now."""
    verb.add_argument(
        "--timeout",
        metavar="TIME",
        type=positive_seconds,
        help="how long a command may take (30s, 5m, 2h)",
    )
    verb.add_argument(
        "--grace",
        metavar="TIME",
        type=duration,
        help="from SIGTERM to SIGKILL for a command that is to end (default: 10s)",
    )
    verb.add_argument(
        "--later-exit",
        metavar="CODE",
        type=whole_number(1, 255),
        help="the exit code that gives the node back (default: 75)",
    )
    verb.add_argument(
        "--later-secs", metavar="TIME", type=duration, help="for how long (default: 60s)"
    )


def loop(verb: Parser) -> None:
    """`agentd loop`."""
    verb.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="answer from a script, with a server of its own",
    )
    verb.add_argument("--task", metavar="ID", help="go on with this task")
    verb.add_argument("--goal", metavar="TEXT", help="what the agents are to do")
    verb.add_argument(
        "--workers", metavar="N", type=whole_number(1, MOST_AGENTS), help="agents at a time"
    )
    verb.add_argument("--model", metavar="NAME", help="the language model")
    verb.add_argument("--base-url", metavar="URL", help="where its chat endpoint is")
    verb.add_argument(
        "--max-tokens", metavar="N", type=whole_number(1, 10**9), help="the longest answer"
    )
    verb.add_argument("--temperature", metavar="T", type=float, help="how much chance decides")
    verb.add_argument("--artifact-dir", metavar="DIR", type=Path, help="where the artifacts go")


def _command_form() -> str:
    from agentd.cli.worker.work import COMMAND_FORM

    return COMMAND_FORM
