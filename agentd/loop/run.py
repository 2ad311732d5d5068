"""A run of the loop: from a task to its artifacts.

The rule this file keeps: the run itself knows nothing that matters. The task is in the daemon and
the artifacts are files, so a run that was killed is taken up by the next one with the task's id.
"""

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct, field

from agentd.api import NodeView, TaskStatusResult
from agentd.client import Client
from agentd.errors import Failure
from agentd.loop import agents
from agentd.loop.artifacts import artifact_problem
from agentd.loop.pool import GRACE_SECS, WorkerPool
from agentd.loop.report import ReportLine, RunReport, agent_names
from agentd.loop.result import AgentResult, decode_result
from agentd.loop.settings import Settings

POLL_SECS = 0.1
"""How often the journal is read for new events: one small query."""

Tell = Callable[[ReportLine], None]


class NodeEnding(Struct):
    """How one agent's node ended. `artifact_problem`, if any, is `flaw` in JSON."""

    agent: str
    node_id: str
    status: str
    result: AgentResult | None = None
    error: msgspec.Raw | None = None
    artifact_problem: str | None = field(default=None, name="flaw")

    @property
    def is_good(self) -> bool:
        """Is there an artifact, as the journal says?"""
        return self.result is not None and self.artifact_problem is None


class RunOutcome(Struct):
    """How the run ended. `usage` sums the tokens of all answers that became artifacts."""

    task_id: str
    goal: str
    counts: dict[str, int]
    nodes: list[NodeEnding]
    usage: dict[str, int]

    @property
    def is_good(self) -> bool:
        """Did every agent reach its end?"""
        return all(node.is_good for node in self.nodes)


def register_task(client: Client, goal: str, settings: Settings) -> str:
    """Register a new task and return its id."""
    ids = [str(uuid.uuid4()) for _ in agents.AGENTS]
    context = {"registered_by": "agentd loop", "endpoint": settings.base_url}
    return client.register_task(goal, context=context, initial_nodes=agents.node_specs(ids)).task_id


def check_task(client: Client, task_id: str) -> None:
    """Raise `Failure` where the task is none of the loop's, or `TaskNotFound`."""
    status = client.task_status(task_id)
    found = [agents.agent_of(node.payload_schema) for node in status.nodes]
    if not found or None in found:
        raise Failure(
            f"task {task_id} was not registered by agentd loop: its nodes name no agents; "
            "run it with agentd work instead"
        )


def run_task(client: Client, task_id: str, settings: Settings, tell: Tell) -> RunOutcome:
    """Run the workers until nothing of the task can run any more, and tell what happens.

    Raises `DaemonUnreachable`, or `Failure` when workers die again and again.
    """
    report = RunReport(client.task_status(task_id))
    seq = client.task_events(task_id, limit=1).last_seq
    with WorkerPool(task_id, settings) as pool:
        try:
            _report_until_done(client, pool, seq, report, tell)
        except KeyboardInterrupt:
            about = f"within {GRACE_SECS:g} s, or at once with another Ctrl-C"
            tell(ReportLine(time.time(), "loop", "stops", about, "notice"))
            pool.stop()
            raise
        pool.stop()
    return _outcome(client.task_status(task_id), settings.artifact_dir)


def _report_until_done(
    client: Client, pool: WorkerPool, seq: int, report: RunReport, tell: Tell
) -> None:
    is_done = False
    while not is_done:
        is_done = _is_done(client, pool)  # before the report, so that the last event is in it
        for death in pool.replace_dead_workers():
            about = f"{death.exit_reason}; {death.successor} takes its place"
            tell(ReportLine(time.time(), death.name, "DIES", about, "bad"))
        seq = _report_new_events(client, pool.task_id, seq, report, tell)
        if not is_done:
            time.sleep(POLL_SECS)


def _is_done(client: Client, pool: WorkerPool) -> bool:
    """Has one worker found that the task has ended? The others may sleep for a while yet."""
    if not pool.count_done():
        return False
    if pool.count_done() == pool.size:
        return True
    (task,) = client.list_tasks(prefix=pool.task_id).tasks
    return task.has_ended


def _report_new_events(
    client: Client, task_id: str, seq: int, report: RunReport, tell: Tell
) -> int:
    more = True
    while more:
        page = client.task_events(task_id, after=seq)
        for line in report.lines(page.events):
            tell(line)
        seq, more = page.last_seq, page.more
    return seq


def _outcome(status: TaskStatusResult, artifact_dir: Path) -> RunOutcome:
    by_id = agent_names(status)
    nodes = [_node_ending(node, by_id[node.id], artifact_dir) for node in status.nodes]
    usage: dict[str, int] = {}
    for node in nodes:
        spent = (node.result and node.result.usage) or {}
        usage |= {name: usage.get(name, 0) + number for name, number in spent.items()}
    return RunOutcome(status.task.id, status.task.goal, status.counts, nodes, usage)


def _node_ending(node: NodeView, agent: str, artifact_dir: Path) -> NodeEnding:
    ending = NodeEnding(agent, node.id, node.status)
    if node.status == "FAILED":
        ending.error = node.result_payload
    elif node.status == "COMPLETED":
        ending.result = result = decode_result(node.result_payload)
        ending.artifact_problem = (
            artifact_problem(result.artifact, artifact_dir) if result else "no result of the loop"
        )
    return ending
