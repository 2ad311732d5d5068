"""All verbs, in the order in which one needs them.

The rule this file keeps: the table is a literal on one screen. What a verb takes is in `options` of
its noun, and what it does in the module that is named here.
"""

import importlib
from collections.abc import Callable, Sequence

from agentd.cli.usage import EXIT_CODES, Group, Help, Parser, Verb, add_verbs
from agentd.cli.version import ShowVersion


class _Options:
    """What the verbs of a noun take: its module `options` is imported for a verb that is asked for.

    All of them would take each start 3 ms.
    """

    def __init__(self, noun: str) -> None:
        self._module = f"agentd.cli.{noun}.options"

    def __getattr__(self, name: str) -> Callable[[Parser], None]:
        def add_options(verb: Parser) -> None:
            getattr(importlib.import_module(self._module), name)(verb)

        return add_options


daemon = _Options("daemon")
database = _Options("database")
events = _Options("events")
gate = _Options("gate")
inbox = _Options("inbox")
limit = _Options("limit")
lock = _Options("lock")
mcp = _Options("mcp")
node = _Options("node")
prime = _Options("prime")
rehearsal = _Options("rehearsal")
service = _Options("service")
setup = _Options("setup")
task = _Options("task")
texts = _Options("texts")
top = _Options("top")
ui = _Options("ui")
worker = _Options("worker")

_TASK = (
    Verb("register", "task.register", "register a task from a JSON or YAML file", task.register),
    Verb("add", "task.add", "add nodes to a task, from a JSON or YAML file", task.add),
    Verb("import", "task.import_", "take over a plan of another tool as a task", task.import_),
    Verb("export", "task.export", "write a task to a file: all of it, or to read", task.export),
    Verb("list", "task.list", "list the tasks, the newest first", task.list_tasks),
    Verb("show", "task.show", "show a task and its nodes", task.show),
    Verb("graph", "task.graph", "draw a task's graph with its states", task.graph),
    Verb("events", "task.events", "show what happened in a task, the newest last", task.events),
    Verb("wait", "task.wait", "wait until a task has ended; the exit code says how", task.wait),
    Verb("watch", "task.watch", "show what happens in a task until it has ended", task.add_task_id),
    Verb("retry", "task.retry", "try again what failed, all of it or some nodes", task.retry),
    Verb("fork", "task.fork", "begin a new task as this one is, or was once", task.fork),
    Verb("cancel", "task.cancel", "cancel a task and its descendants", task.add_reason),
    Verb("pause", "task.pause", "hand out nothing more of a task for now", task.add_reason),
    Verb("resume", "task.resume", "hand out nodes of a paused task again", task.add_reason),
    Verb("cost", "task.cost", "show what a task and its nodes have used", task.add_task_id),
    Verb("budget", "task.budget", "set how much a task may use", task.budget),
    Verb("why", "task.why", "say what a task's nodes wait for", task.add_task_id),
    Verb("set", "task.set", "change settings of all its PENDING nodes", task.set_settings),
)
_NODE = (
    Verb("acquire", "node.acquire", "lease the next runnable node of a task", node.acquire),
    Verb("heartbeat", "node.heartbeat", "extend a lease", node.heartbeat),
    Verb("commit", "node.commit", "journal an event about a node", node.commit),
    Verb("complete", "node.complete", "complete a node", node.complete),
    Verb("fail", "node.fail", "fail a node, for good or until it is tried again", node.fail),
    Verb("release", "node.release", "give a node back without blame", node.release),
    Verb("retry", "node.retry", "make a node that failed PENDING again", node.retry),
    Verb("done", "node.done", "say that a node's work is done, by hand", node.done),
    Verb("show", "node.show", "show a node, and how its attempts ended", node.look),
    Verb("log", "node.log", "show what a command wrote while it worked on a node", node.log),
    Verb("why", "node.why", "say why a node is not handed out", node.look),
    Verb("set", "node.set", "change settings of a PENDING node", node.set_settings),
)
_LIMIT = (
    Verb("set", "limit.set", "set how many nodes run at once, and how often", limit.set_limit),
    Verb("close", "limit.close", "hand out nothing that names it for a while", limit.close),
    Verb("open", "limit.open", "hand out what names it again", limit.open_limit),
    Verb("list", "limit.list", "list the limits, and how full they are"),
)
_GATE = (
    Verb("list", "gate.list", "list what waits for a decision, oldest first", gate.list_gates),
    Verb("show", "gate.show", "show what is asked, on the ground of what", node.add_node),
    Verb("approve", "gate.approve", "let the work behind a gate go on", gate.decide),
    Verb("reject", "gate.reject", "say no: the gate fails", gate.decide),
)
_LOCK = (
    Verb("acquire", "lock.acquire", "take a lock, and print its lease", lock.acquire),
    Verb("release", "lock.release", "give a lock back", lock.release),
    Verb("list", "lock.list", "list the locks that are held, and by whom", lock.list_locks),
    Verb("run", "lock.run", "run a command while its locks are held", lock.run, json=False),
)
_HOOK = (
    Verb("tool-use", "hook.tool_use", "keep what the agent holds, while it uses tools", json=False),
    Verb("edit", "hook.edit", "refuse an edit of what somebody else has locked", json=False),
)
_SERVICE = (
    Verb(
        "install",
        "service.install",
        "have the daemon run as a service, and workers with it",
        service.install,
    ),
    Verb(
        "uninstall",
        "service.uninstall",
        "stop the service and take it away; the data stays",
        service.uninstall,
    ),
    Verb("status", "service.status", "show whether there is a service, and how it is"),
    Verb("logs", "service.logs", "show what the service has logged", service.logs, json=False),
)
_DATABASE = (
    Verb("init", "database.init", "make agentd's schema in a database that has none"),
    Verb("check", "database.check", "look whether all is as it should be there", database.check),
    Verb("migrate", "database.migrate", "bring an older schema up to date"),
    Verb(
        "grant-sql",
        "database.grant_sql",
        "print the SQL for a role that adds to the journal and cannot change it",
        database.grant_sql,
    ),
    Verb(
        "move",
        "database.move",
        "bring all of a database into an empty one, a file or on a server",
        database.move,
    ),
)
# fmt: off
VERBS = (
    Verb("serve", "daemon.serve", "run the daemon in the foreground (also when no verb is given)",
         daemon.serve, json=False),
    Group("task", "register tasks, and look at what became of them", _TASK),
    Group("node", "do by hand what a worker does: acquire, commit, complete", _NODE),
    Verb("work", "worker.work", "run a command for every node that is acquired", worker.work),
    Verb("add", "node.add", "add nodes to the task that a command of `agentd work` works on",
         task.add_own),
    Verb("checkpoint", "node.checkpoint",
         "from a command of `agentd work`: keep what its node's next holder goes on from",
         node.checkpoint),
    Verb("loop", "worker.loop", "let agents that call a language model work on a task",
         worker.loop),
    Verb("call", "daemon.call", "send one request and print its result", daemon.call),
    Verb("wait-ready", "daemon.wait_ready", "wait until the daemon answers, if it is being started",
         daemon.wait_ready),
    Verb("status", "daemon.status", "show the daemon's health and metrics"),
    Verb("metrics", "daemon.metrics", "show all figures of the daemon, for other tools, too",
         daemon.metrics),
    Verb("replay", "database.replay",
         "rebuild the projections from the journal, check them, or look back", database.replay),
    Verb("rehearse", "rehearsal.run",
         "say what would have come out with other limits, leases or workers", rehearsal.rehearse),
    Verb("backup", "database.backup",
         "copy the database to a file and verify it; the daemon may go on", database.backup),
    Verb("restore", "database.restore",
         "verify a backup and put it in the database's place; the old one is kept",
         database.restore),
    Verb("import-database", "database.import_database",
         "take over what the earlier agentd, written in Rust, left in its database",
         database.import_database),
    Group("database", "look after a database on a PostgreSQL server, or move one there", _DATABASE),
    Verb("doctor", "daemon.doctor",
         "check settings, files, daemon and database, and say what to do", daemon.doctor),
    Verb("setup", "setup.run", "put what an agent needs into its settings, or take it out",
         setup.setup),
    Verb("skill", "texts.skill", "print what an agent has to know to use agentd", texts.skill,
         json=False),
    Verb("completion", "texts.completion", "print a script that completes agentd's command lines",
         texts.completion, json=False),
    Verb("events", "events.show", "show what happened, in all tasks or one, and what happens",
         events.events),
    Verb("watch", "events.watch", "run a command for every event, one after the other",
         events.watch, json=False),
    Verb("inbox", "inbox.show", "show what waits for a person, and what to type", inbox.inbox),
    Verb("top", "top.watch", "look at all of it as it goes, and steer it with keys", top.top,
         json=False),
    Verb("ui", "ui.serve", "show it all in a browser on this machine", ui.ui, json=False),
    Group("limit", "limit how many nodes of a kind run at once, and how often", _LIMIT),
    Group("gate", "decide what waits for a person", _GATE),
    Group("lock", "keep two agents off the same file, or whatever is shared", _LOCK),
    Verb("mcp", "mcp.serve", "serve tool calls (MCP) of one agent, on standard input and output",
         mcp.mcp, json=False),
    Verb("prime", "prime.show", "tell an agent what there is to know when it begins", prime.prime),
    Group("hook", "what agents' programs run at their hooks", _HOOK),
    Group("service", "have the daemon run as a service of yours, with workers", _SERVICE),
    Verb("workers", "worker.list", "list who waits for work, and who held some lately"),
    Verb("help", "texts.help", "show the help of a verb", texts.help_, json=False),
    Verb("complete", "texts.complete", "print what could stand in the place of a word",
         texts.complete, json=False, hidden=True),
)
# fmt: on


def parser(given: Sequence[str] | None = None) -> Parser:
    """The parser of the whole command line, or as much of it as these words may need."""
    made = Parser(
        prog="agentd",
        description="A local daemon that keeps the state of AI agents' work.",
        epilog=EXIT_CODES,
        formatter_class=Help,
        allow_abbrev=False,
    )
    made.set_defaults(
        module="daemon.serve",
        json=False,
        backup=True,
        tcp=None,
        metrics=None,
        ready_fd=None,
        autostart=False,
    )
    made.add_argument(
        "--version", action=ShowVersion, nargs=0, help="show what is installed, and end"
    )
    add_verbs(made, VERBS, given)
    return made
