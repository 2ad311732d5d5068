"""agentd: a local-first state machine daemon for AI agents.

Programs import `Client`, `AsyncClient` and `Worker` from here, and what a handler raises,
`WorkFailed` and `WorkReleased`: docs/workers.md shows how, and `help(agentd.Client)` what each call
takes, answers and raises.

A request becomes a decision, a decision becomes events, events become rows, and all of it is one
transaction. The map, in the order of that sentence (`transact` first):

pure, without clock, randomness or I/O
    text          text of others, as it is shown to people
    suggestion    which name was meant
    errors        every failure that a client or a person can see
    events        the journal's vocabulary
    lock_keys     what the keys of resource locks name, and whether that overlaps
    journal       how events become records, numbered, stamped and chained by hash
    lifecycle     the states of a node and its legal edges
    graph         is this set of nodes a DAG?
    projections/  the tables folded from the journal, one reducer each
    api/          params and results, one Struct each per method, a file per noun
    answers       safe repeats: the requests that were answered
    causes        what keeps a ready node from being handed out
    decide/       from state and params to events, or a refusal, a file per noun
    broken_line   which id a line bears that cannot be decoded
    protocol      JSON Lines, from bytes to requests and from results to bytes
    label         what a person calls a node
    agent_name    what an agent calls itself
    references    tasks and nodes as people refer to them
    durations     durations as people write them
    times         times as people read them
    quantities    numbers as people read them
    node_labels   what to call nodes that are shown together
    states        the states of nodes as people look for them: word, sign, colour
    task_progress  how far a task has come, in few characters
    drawing       a task's graph in a terminal
    progress      how far long work has come
    loopback      TCP addresses of this machine alone
    server_url    the URL of a PostgreSQL server, and what is shown of it
    proof         how two programs prove that they know one secret
table
    methods/      the list of methods; how each loads its state and shows its answer
    decoding      a request's method and params, or why they do not fit
    unknown_fields  fields that no method knows, where they matter
    queries/      what the database is asked, one function per question
    status_stream  TaskStatus in pieces, for tasks of any size
effects
    store/        journal and tables in SQLite, on a PostgreSQL server, or in dictionaries for tests
    transact      load, decide, append, project, commit (read this first)
    replay/       refold the journal to rebuild, check or look back
    rehearsal/    a stretch of the journal again, under other settings: what would come out
    move          all that a database holds, brought into another one, of either engine
    earlier/      what the earlier agentd, written in Rust, has left, taken over
    backup/       a verified copy of the database, one before a migration, and one put in its place
    setup/        what is put into the settings of agents' harnesses, and taken out again
    doctor/       is everything as it should be, and what to do where not
    daemon/       socket, connections, writer, sweeper, clock, start and stop
    peers         sockets: who is at the other end
    socket_path   Unix sockets: which path one may have
    processes     who started a process
    secret_file   what a daemon and its clients share over TCP
    holders       who holds a lock
    own_program   which program this agentd is, and whether it stays
    database_files  the names of the files beside a database
    durable       having the disk keep a file, or the names in a directory
    results/      the files that attempts leave: what they wrote, results too large for a line
    traces/       spans of attempts, for programs that trace
    client/       what a Python agent imports: typed calls, repeats, leases that last
    figures/      what the daemon counts, for the tools that people have
    inbox/        what waits for a person
    live/         what people look at, kept as the daemon says it
    documents/    plans as people write them, in YAML or JSON
    plans/        plans of other tools, and tasks as files
    worker/       runs handlers, or a command, on the nodes that it leases
    loop/         four agents that call a language model
    top/          what goes on, live in a terminal
    ui/           pages for a browser on this machine, alive
    mcp/          tool calls: the Model Context Protocol, for agents that speak it
    service/      the daemon as a service of its user: systemd's or launchd's
    config/       settings, and the env file
    logfilter     the logging filter among them
    json_log      a log that programs read, an object a line
    cli/          the verbs
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentd.client import AsyncClient, AsyncLease, Client, Lease
    from agentd.errors import WorkFailed, WorkReleased
    from agentd.worker import Worker

__version__ = "0.2.0"

__all__ = ["AsyncClient", "AsyncLease", "Client", "Lease", "WorkFailed", "WorkReleased", "Worker"]

_ROOMS = {"Worker": "worker", "WorkFailed": "errors", "WorkReleased": "errors"}


def __getattr__(name: str) -> Any:
    # Late, so that the daemon and the command line start without what only programs import.
    if name in __all__:
        room = _ROOMS.get(name, "client")
        return getattr(importlib.import_module(f"agentd.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
