"""All verbs with their options, in the order in which one needs them.

The rule this file keeps: it says what a verb takes; what it does is in the module of its name.
"""

import textwrap
from pathlib import Path

from agentd import __version__
from agentd.cli.usage import EXIT_CODES, Help, Parser, Verbs, add, add_group, seconds, whole

_MOST_TASKS = 100_000
_MOST_EVENTS = 1000
_MOST_AT_ONCE = 1000
_MOST_FAILURES = 1_000_000
MOST_AGENTS = 64
"""As in agentd.loop.settings, which is not imported to parse a command line."""


def parser() -> Parser:
    """The parser of the whole command line."""
    made = Parser(
        prog="agentd",
        description="A local daemon that keeps the state of AI agents' work.",
        epilog=EXIT_CODES,
        formatter_class=Help,
        allow_abbrev=False,
    )
    made.set_defaults(module="serve", json=False)
    made.add_argument("--version", action="version", version=f"agentd {__version__}")
    verbs = made.add_subparsers(metavar="VERB", title="verbs", parser_class=Parser)
    add(
        verbs,
        "serve",
        "run the daemon in the foreground (also when no verb is given)",
        "serve",
        json=False,
    )
    _add_task(verbs)
    _add_node(verbs)
    _add_workers(verbs)
    _add_call(verbs)
    add(verbs, "status", "show the daemon's health and metrics", "status")
    _add_keeping(verbs)
    _add_texts(verbs)
    return made


def _add_task(verbs: Verbs) -> None:
    task = add_group(verbs, "task", "register tasks, and look at what became of them")
    verb = add(task, "register", "register a task from a JSON or YAML file", "task.register")
    verb.add_argument("path", metavar="FILE", help="the document, or - for standard input")
    verb.add_argument(
        "--request-id",
        metavar="UUID",
        help="makes it safe to repeat: the same document under the same id is one task",
    )
    verb.add_argument("--empty", action="store_true", help="allow a task without nodes")
    verb = add(task, "list", "list the tasks, the newest first", "task.list")
    verb.add_argument(
        "--runnable", action="store_true", help="only those with a runnable node, the oldest first"
    )
    verb.add_argument(
        "--limit",
        metavar="N",
        type=whole(1, _MOST_TASKS),
        default=100,
        help="at most so many (default: 100)",
    )
    _add_task_id(add(task, "show", "show a task and its nodes", "task.show"))
    verb = add(task, "graph", "draw a task's graph with its states", "task.graph")
    _add_task_id(verb)
    verb.add_argument(
        "--format",
        choices=("text", "mermaid", "dot", "svg"),
        default="text",
        help="what to write (default: text)",
    )
    verb = add(task, "events", "show what happened in a task, the newest last", "task.events")
    _add_task_id(verb)
    verb.add_argument(
        "--follow", action="store_true", help="go on with what happens, until interrupted"
    )
    verb.add_argument(
        "--last",
        metavar="N",
        type=whole(1, _MOST_EVENTS),
        default=50,
        help="begin with the newest N (default: 50)",
    )


def _add_task_id(verb: Parser) -> None:
    verb.add_argument(
        "task", metavar="TASK", help="the task's id, or a beginning that no other has"
    )


def _add_node(verbs: Verbs) -> None:
    node = add_group(verbs, "node", "do by hand what a worker does: acquire, commit, complete")
    verb = add(node, "acquire", "lease the next runnable node of a task", "node.acquire")
    _add_task_id(verb)
    verb.add_argument(
        "--owner", metavar="NAME", default="anonymous", help="who works on it (default: anonymous)"
    )
    _add_held(add(node, "heartbeat", "extend a lease", "node.heartbeat"))
    verb = add(node, "commit", "journal an event about a node", "node.commit")
    _add_held(verb, "the event's payload", lease="the lease, or `none` where nobody holds the node")
    verb.add_argument(
        "--type",
        metavar="NAME",
        default="COMMIT_EVENT",
        help="what happened (default: COMMIT_EVENT)",
    )
    _add_held(add(node, "complete", "complete a node", "node.complete"), "its result")
    _add_held(add(node, "fail", "fail a node, for good", "node.fail"), "its error")


def _add_held(
    verb: Parser, payload: str = "", lease: str = "the lease that it is held under"
) -> None:
    _add_task_id(verb)
    verb.add_argument(
        "node", metavar="NODE", help="the node's name, its id, or a beginning or an end of that"
    )
    verb.add_argument("lease", metavar="LEASE", help=lease)
    if payload:
        verb.add_argument(
            "payload",
            metavar="JSON",
            nargs="?",
            help=f"{payload}, or - for standard input (default: null)",
        )


def _add_workers(verbs: Verbs) -> None:
    verb = add(verbs, "work", "run a command for every node that is acquired", "work")
    verb.usage = "agentd work (--task ID | --all) [OPTION ...] -- COMMAND [ARGUMENT ...]"
    verb.command = "agentd work --task ID -- echo hi"
    verb.details = _command_form
    whose = verb.add_mutually_exclusive_group(required=True)
    whose.add_argument("--task", metavar="ID", help="only this task, until nothing of it can run")
    whose.add_argument("--all", action="store_true", help="everybody's tasks, until it is stopped")
    verb.add_argument(
        "--concurrency",
        metavar="N",
        type=whole(1, _MOST_AT_ONCE),
        help="nodes at a time (default: 1)",
    )
    verb.add_argument(
        "--owner", metavar="NAME", help="who holds the leases (default: agentd- and the process)"
    )
    verb.add_argument(
        "--max-failures",
        metavar="N",
        type=whole(0, _MOST_FAILURES),
        help="stop after so many failed nodes or lost leases in a row (default: 3; 0: never)",
    )
    verb = add(verbs, "loop", "let agents that call a language model work on a task", "loop")
    verb.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="answer from a script, with a server of its own",
    )
    verb.add_argument("--task", metavar="ID", help="go on with this task")
    verb.add_argument("--goal", metavar="TEXT", help="what the agents are to do")
    verb.add_argument("--workers", metavar="N", type=whole(1, MOST_AGENTS), help="agents at a time")
    verb.add_argument("--model", metavar="NAME", help="the language model")
    verb.add_argument("--base-url", metavar="URL", help="where its chat endpoint is")
    verb.add_argument("--max-tokens", metavar="N", type=whole(1, 10**9), help="the longest answer")
    verb.add_argument("--temperature", metavar="T", type=float, help="how much chance decides")
    verb.add_argument("--artifact-dir", metavar="DIR", type=Path, help="where the artifacts go")


def _add_call(verbs: Verbs) -> None:
    verb = add(verbs, "call", "send one request and print its result", "call")
    verb.details = _methods
    verb.add_argument("method", metavar="METHOD", help="one of those below, or an alias of it")
    verb.add_argument(
        "params",
        metavar="JSON",
        nargs="?",
        help="the params, or - for standard input (default: {})",
    )
    verb.add_argument("--timeout", type=seconds, default=30.0, help="seconds to wait (default: 30)")


def _add_keeping(verbs: Verbs) -> None:
    _add_replay(
        add(
            verbs,
            "replay",
            "rebuild the projections from the journal, check them, or look back",
            "replay",
        )
    )
    verb = add(
        verbs, "backup", "copy the database to a file and verify it; the daemon may go on", "backup"
    )
    verb.add_argument("path", metavar="PATH", type=Path, help="the file to write")
    verb.add_argument("--force", action="store_true", help="replace the file, if it is there")
    verb = add(
        verbs,
        "restore",
        "verify a backup and put it in the database's place; the old one is kept",
        "restore",
    )
    verb.add_argument("path", metavar="PATH", type=Path, help="the backup; it is never changed")
    verb = add(
        verbs, "doctor", "check settings, files, daemon and database, and say what to do", "doctor"
    )
    verb.details = _json_form


def _add_replay(verb: Parser) -> None:
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


def _add_texts(verbs: Verbs) -> None:
    verb = add(verbs, "skill", "print what an agent has to know to use agentd", "skill", json=False)
    verb.add_argument("--install", metavar="DIR", type=Path, help="put it into this folder instead")
    verb = add(
        verbs,
        "completion",
        "print a script that completes agentd's command lines",
        "completion",
        json=False,
    )
    verb.add_argument("shell", metavar="SHELL", help="bash, zsh, tcsh, fish or powershell")


def _command_form() -> str:
    from agentd.cli.work import COMMAND_FORM

    return COMMAND_FORM


def _methods() -> str:
    from agentd.methods import METHODS

    lines = ["methods:"]
    for method in METHODS:
        lines += textwrap.wrap(
            method.summary, 78, initial_indent=f"  {method.name:19}", subsequent_indent=" " * 21
        )
    return "\n".join(lines) + "\n"


def _json_form() -> str:
    from agentd.cli.doctor import JSON_FORM

    return JSON_FORM
