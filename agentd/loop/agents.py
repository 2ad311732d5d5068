"""The four agents and the graph of their nodes.

The rule this file keeps: the table is a literal. A file's name comes from the agent's role, never
from what a model wrote; what an agent is asked for stands in its node, so that the journal says it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import Raw, Struct

from agentd.loop.decoding import decode_or_none

DEFAULT_GOAL = (
    "A small worker for agentd, a local daemon that hands out the nodes of a task under leases: "
    "JSON, one object a line, over a Unix socket"
)


class Agent(NamedTuple):
    """One role: the file that its artifact gets, whose artifacts it waits for, what it is asked.

    `notice` is how its kind of file says something beside the artifact: one line with the text in
    the place of {}.
    """

    name: str
    file: str
    dependencies: tuple[str, ...]
    notice: str
    request: str


AGENTS: Mapping[str, Agent] = MappingProxyType(
    {
        agent.name: agent
        for agent in (
            Agent(
                "worker-script",
                "worker.py",
                (),
                "# {}",
                "Write a compact Python worker script, standard library only, that connects to the "
                "socket, acquires a node, heartbeats, and completes it. Answer with the code "
                "alone: no Markdown, no explanation.",
            ),
            Agent(
                "ipc-contract",
                "ipc-contract.md",
                (),
                "> {}",
                "Write the IPC contract between worker and daemon in Markdown: framing, the "
                "requests AcquireNextNode, HeartbeatNode and CompleteNode, and what an error "
                "looks like. A few short bullets.",
            ),
            Agent(
                "integration-review",
                "integration-review.md",
                ("worker-script", "ipc-contract"),
                "> {}",
                "Review whether the script and the contract are safe to integrate: leases, "
                "heartbeats, framing, errors. Name the worst two risks in Markdown bullets and "
                "end with one line: safe, or not safe yet.",
            ),
            Agent(
                "synthesis",
                "synthesis.md",
                ("worker-script", "ipc-contract", "integration-review"),
                "> {}",
                "Synthesise the result for the one who asked: what was made, what the review "
                "found, and the next step. At most five short Markdown bullets.",
            ),
        )
    }
)
"""By name; an agent stands behind those that it waits for."""


def node_specs(ids: Sequence[str]) -> list[dict[str, Any]]:
    """The nodes of a new task, one for each agent, under these ids."""
    by_name = dict(zip(AGENTS, ids, strict=True))
    return [
        {
            "id": by_name[agent.name],
            "dependencies": [by_name[name] for name in agent.dependencies],
            "payload_schema": {"name": agent.name, "agent": agent.name, "request": agent.request},
        }
        for agent in AGENTS.values()
    ]


class _AgentPayload(Struct):
    agent: str


class _RequestPayload(Struct):
    request: str


def agent_of(payload: Raw) -> Agent | None:
    """The agent that a node's payload names; None where it is no node of the loop."""
    named = decode_or_none(payload, _AgentPayload)
    return None if named is None else AGENTS.get(named.agent)


def request_of(payload: Raw) -> str | None:
    """What a node's payload asks its agent for; None where it asks for nothing."""
    asked = decode_or_none(payload, _RequestPayload)
    return None if asked is None else asked.request
