"""What the verbs of tasks take."""

from agentd.cli.node.settings import add_settings
from agentd.cli.time_arguments import moment_ago, place_or_moment
from agentd.cli.usage import Parser, amount, duration, label, whole_number

STATES = ("ACTIVE", "PAUSED", "COMPLETED", "FAILED", "CANCELLED")
"""Those of `events.StateOfTask`, which would cost every start the import of the decoders."""

PLAN_FORMS = (
    *("agentd", "airflow", "argo", "beads", "dagu", "github", "markdown", "taskmaster", "tekton"),
)
"""Those of `plans.reading.NAMES`, which would cost every start the import of all of them."""

EXPORT_FORMS = ("agentd", "markdown", "json")

_MOST_TASKS = 100_000
_MOST_EVENTS = 1000


def add_task_id(verb: Parser) -> None:
    """The task that a verb is about."""
    verb.add_argument(
        "task",
        metavar="TASK",
        help="the task's id, a beginning that no other has, or @ for the newest, @2 the one before",
    )


def add_at(verb: Parser) -> None:
    """When in the past."""
    verb.add_argument(
        "--at",
        metavar="SEQ|TIME",
        type=place_or_moment,
        help="as it was then: after the event of this seq, or at 14:30, 2h ago, or "
        "2026-01-31T12:00:00Z",
    )


def show(verb: Parser) -> None:
    """`agentd task show`."""
    add_task_id(verb)
    add_at(verb)


def register(verb: Parser) -> None:
    """`agentd task register`."""
    verb.add_argument("path", metavar="FILE", help="the document, or - for standard input")
    verb.add_argument(
        "--request-id",
        metavar="UUID",
        help="makes it safe to repeat: the same document under the same id is one task",
    )
    verb.add_argument(
        "--key",
        metavar="KEY",
        help="the task's dedupe_key: while a task with it goes on, that one is the answer",
    )
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="register nothing: show the plan as a graph, and what can run at once",
    )
    verb.add_argument("--empty", action="store_true", help="allow a task without nodes")


def import_(verb: Parser) -> None:
    """`agentd task import`."""
    verb.add_argument("path", metavar="FILE", help="the plan, or - for standard input")
    verb.add_argument(
        "--from",
        dest="form",
        metavar="FORM",
        choices=PLAN_FORMS,
        help=f"its form, where it is not recognised: {', '.join(PLAN_FORMS)}",
    )
    verb.add_argument(
        "--source",
        metavar="TEXT",
        help="what stands for it: imported again under the same, it is the task that is there "
        "(default: its form and its path)",
    )
    verb.add_argument("--paused", action="store_true", help="hand out nothing of it for now")
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="import nothing: show the plan, and what of it is not taken over",
    )


def export(verb: Parser) -> None:
    """`agentd task export`."""
    add_task_id(verb)
    verb.add_argument(
        "--form",
        choices=EXPORT_FORMS,
        default="agentd",
        help="agentd: all of it, for `agentd task import`; markdown: a checklist to read; json: "
        "for programs (default: agentd)",
    )
    verb.add_argument(
        "-o", "--output", metavar="FILE", help="write it there (default: to standard output)"
    )
    verb.add_argument("--force", action="store_true", help="replace the file, if it is there")


def add_own(verb: Parser) -> None:
    """`agentd add`."""
    verb.add_argument("path", metavar="FILE", help="the nodes, or - for standard input")
    verb.add_argument(
        "--request-id",
        metavar="UUID",
        help="makes it safe to repeat: the same document under the same id is added once",
    )
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="add nothing: show what each node waits for, and what waits for it",
    )


def add(verb: Parser) -> None:
    """`agentd task add`."""
    add_task_id(verb)
    add_own(verb)


def list_tasks(verb: Parser) -> None:
    """`agentd task list`."""
    verb.add_argument(
        "--runnable", action="store_true", help="only those with a runnable node, the oldest first"
    )
    verb.add_argument("--state", type=str.upper, choices=STATES, help="only those in this state")
    verb.add_argument(
        "--label",
        metavar="NAME=VALUE",
        action="append",
        type=label,
        default=[],
        help="only those that have this label; may be given again",
    )
    verb.add_argument("--parent", metavar="TASK", help="only the children of this task")
    verb.add_argument("--goal", metavar="TEXT", help="only those with this text in their goal")
    verb.add_argument(
        "--since",
        metavar="TIME",
        type=moment_ago,
        help="only those registered then or later: 1h ago, or 2026-01-31T12:00:00Z",
    )
    verb.add_argument(
        "--until", metavar="TIME", type=moment_ago, help="only those registered before that"
    )
    verb.add_argument(
        "--limit",
        metavar="N",
        type=whole_number(1, _MOST_TASKS),
        default=100,
        help="at most so many (default: 100)",
    )


def add_why(verb: Parser) -> None:
    """For the journal, where somebody changes his mind."""
    verb.add_argument("--reason", metavar="TEXT", help="why, for the journal")
    verb.add_argument("--by", metavar="NAME", help="who wants it, for the journal")


def retry(verb: Parser) -> None:
    """`agentd task retry`."""
    add_task_id(verb)
    verb.add_argument(
        "nodes",
        metavar="NODE",
        nargs="*",
        help="only these, by name, id, or a beginning or an end of that",
    )
    verb.add_argument(
        "--failed", action="store_true", help="every node that failed (the default without NODE)"
    )
    add_why(verb)


def fork(verb: Parser) -> None:
    """`agentd task fork`."""
    add_task_id(verb)
    add_at(verb)
    verb.add_argument(
        "--rerun",
        metavar="NODE",
        nargs="+",
        action="extend",
        default=[],
        help="these run again, and all that depend on them; by name, id, or a beginning of that",
    )
    verb.add_argument("--failed", action="store_true", help="so does every node that failed")
    verb.add_argument("--goal", metavar="TEXT", help="another goal (default: the same)")


def add_reason(verb: Parser) -> None:
    """`agentd task cancel`, `pause` and `resume`."""
    add_task_id(verb)
    verb.add_argument("--reason", metavar="TEXT", help="why; holders of its leases are told")
    verb.add_argument("--by", metavar="NAME", help="who says so")


def budget(verb: Parser) -> None:
    """`agentd task budget`."""
    add_task_id(verb)
    verb.add_argument(
        "amounts",
        metavar="UNIT=AMOUNT",
        nargs="*",
        type=amount,
        help="the whole new budget: where one of them is used up, nothing more is handed out",
    )
    verb.add_argument("--none", action="store_true", help="take the budget away")


def set_settings(verb: Parser) -> None:
    """`agentd task set`."""
    add_task_id(verb)
    add_settings(verb)


def graph(verb: Parser) -> None:
    """`agentd task graph`."""
    add_task_id(verb)
    verb.add_argument(
        "--format",
        choices=("text", "mermaid", "dot", "svg"),
        default="text",
        help="what to write (default: text)",
    )


def wait(verb: Parser) -> None:
    """`agentd task wait`."""
    add_task_id(verb)
    verb.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="give up after that, such as 30m, with exit code 124 (default: never)",
    )


def events(verb: Parser) -> None:
    """`agentd task events`."""
    add_task_id(verb)
    verb.add_argument(
        "--follow", action="store_true", help="go on with what happens, until interrupted"
    )
    verb.add_argument(
        "--last",
        metavar="N",
        type=whole_number(1, _MOST_EVENTS),
        default=50,
        help="begin with the newest N (default: 50)",
    )
