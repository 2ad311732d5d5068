"""A run of the loop: from a task to its artifacts.

The rule this file keeps: the run itself knows nothing that matters. The task is in the daemon and
the artifacts are files, so a run that was killed is taken up by the next one with the task's id.
"""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from agentd.api import NodeView, TaskStatusResult
from agentd.client import Client
from agentd.errors import Failure
from agentd.loop import agents
from agentd.loop.account import Account, News, names
from agentd.loop.artifacts import flaw
from agentd.loop.crew import GRACE_SECS, Crew
from agentd.loop.result import Result, result_of
from agentd.loop.settings import Settings

POLL_SECS = 0.1
"""How often the journal is read for news: one small query."""

Tell = Callable[[News], None]


class Ending(Struct):
    """How one agent's node ended. `flaw` says what is wrong with its artifact, if anything is."""

    agent: str
    node_id: str
    status: str
    result: Result | None = None
    error: msgspec.Raw | None = None
    flaw: str | None = None

    @property
    def is_good(self) -> bool:
        """Is there an artifact, as the journal says?"""
        return self.result is not None and self.flaw is None


class Outcome(Struct):
    """How the run ended. `usage` sums the tokens of all answers that became artifacts."""

    task_id: str
    goal: str
    counts: dict[str, int]
    nodes: list[Ending]
    usage: dict[str, int]

    @property
    def is_good(self) -> bool:
        """Did every agent reach its end?"""
        return all(node.is_good for node in self.nodes)


def register(client: Client, goal: str, settings: Settings) -> str:
    """Register a new task and return its id."""
    ids = [str(uuid.uuid4()) for _ in agents.AGENTS]
    context = {"registered_by": "agentd loop", "endpoint": settings.base_url}
    return client.register_task(goal, context=context, initial_nodes=agents.nodes(ids)).task_id


def check(client: Client, task_id: str) -> None:
    """Raise `Failure` where the task is none of the loop's, or `TaskNotFound`."""
    status = client.task_status(task_id)
    found = [agents.agent_of(node.payload_schema) for node in status.nodes]
    if not found or None in found:
        raise Failure(
            f"task {task_id} was not registered by agentd loop: its nodes name no agents; "
            "run it with agentd work instead"
        )


def play(client: Client, task_id: str, settings: Settings, tell: Tell) -> Outcome:
    """Run the workers until nothing of the task can run any more, and tell what happens.

    Raises `DaemonUnreachable`, or `Failure` when workers die again and again.
    """
    account = Account(client.task_status(task_id))
    seq = client.task_events(task_id, limit=1).last_seq
    with Crew(task_id, settings) as crew:
        try:
            _watch(client, crew, seq, account, tell)
        except KeyboardInterrupt:
            about = f"within {GRACE_SECS:g} s, or at once with another Ctrl-C"
            tell(News(time.time(), "loop", "stops", about, "news"))
            crew.stop()
            raise
        crew.stop()
    return _outcome(client.task_status(task_id), settings.artifact_dir)


def _watch(client: Client, crew: Crew, seq: int, account: Account, tell: Tell) -> None:
    is_done = False
    while not is_done:
        is_done = _is_done(client, crew)  # before the news, so that the last of them is told
        for death in crew.replace_the_dead():
            about = f"{death.how}; {death.successor} takes its place"
            tell(News(time.time(), death.name, "DIES", about, "bad"))
        seq = _tell_news(client, crew.task_id, seq, account, tell)
        if not is_done:
            time.sleep(POLL_SECS)


def _is_done(client: Client, crew: Crew) -> bool:
    """Has one worker found that the task has ended? The others may sleep for a while yet."""
    if not crew.count_done():
        return False
    if crew.count_done() == crew.size:
        return True
    (task,) = client.list_tasks(prefix=crew.task_id).tasks
    return task.has_ended


def _tell_news(client: Client, task_id: str, seq: int, account: Account, tell: Tell) -> int:
    more = True
    while more:
        page = client.task_events(task_id, after=seq)
        for news in account.news(page.events):
            tell(news)
        seq, more = page.last_seq, page.more
    return seq


def _outcome(status: TaskStatusResult, artifact_dir: Path) -> Outcome:
    by_id = names(status)
    nodes = [_ending(node, by_id[node.id], artifact_dir) for node in status.nodes]
    usage: dict[str, int] = {}
    for node in nodes:
        spent = (node.result and node.result.usage) or {}
        usage |= {name: usage.get(name, 0) + number for name, number in spent.items()}
    return Outcome(status.task.id, status.task.goal, status.counts, nodes, usage)


def _ending(node: NodeView, agent: str, artifact_dir: Path) -> Ending:
    ending = Ending(agent, node.id, node.status)
    if node.status == "FAILED":
        ending.error = node.result_payload
    elif node.status == "COMPLETED":
        ending.result = result = result_of(node.result_payload)
        ending.flaw = flaw(result.artifact, artifact_dir) if result else "no result of the loop"
    return ending
