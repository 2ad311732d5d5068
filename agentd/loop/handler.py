"""The work on one node: a prompt, a request, an artifact, a result.

The rule this file keeps: what happens is journalled under the lease before it counts. So whoever
lost the lease writes no artifact over its successor's, and a node that fails keeps what was tried
and what to do about it.
"""

import asyncio
import re
from typing import Any

from msgspec import Raw
from msgspec.structs import asdict

from agentd.client import AsyncLease
from agentd.errors import Failure, WorkFailed
from agentd.loop.agents import AGENTS, Agent, agent_of, request_of
from agentd.loop.artifacts import Artifacts
from agentd.loop.chat import Answer, Chat
from agentd.loop.failures import ChatFailed, Passing
from agentd.loop.prompts import messages
from agentd.loop.result import EXCERPT, Result, result_of
from agentd.loop.retries import Sleep, patiently
from agentd.loop.settings import Settings

STARTED = "DEEPSEEK_REQUEST_STARTED"
RETRIED = "DEEPSEEK_RETRY"
ANSWERED = "DEEPSEEK_RESPONSE"

_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""A block of Markdown; one that was cut has no end."""


class Handler:
    """Works on the nodes of the loop; `sleep` waits between two tries, in seconds."""

    def __init__(self, settings: Settings, chat: Chat, sleep: Sleep = asyncio.sleep) -> None:
        self._settings = settings
        self._chat = chat
        self._sleep = sleep

    async def __call__(self, lease: AsyncLease) -> dict[str, Any]:
        """The node's result. Raises `WorkFailed` for what fails the node, or `LeaseLost`."""
        agent, request = _part(lease.context.node.payload_schema)
        results = [
            _result(each.node_id, each.result_payload)
            for each in lease.context.completed_dependencies
        ]
        about = {"agent": agent.name, "model": self._settings.model}
        prompt = messages(agent, lease.context.task.goal, request, results)
        await lease.commit(STARTED, about)
        attempts = 1

        async def retried(failure: Passing, attempt: int, seconds: float) -> None:
            nonlocal attempts
            attempts = attempt + 1
            told = {"attempt": attempt, "message": failure.message, "wait_ms": round(seconds * 1e3)}
            await lease.commit(RETRIED, {**about, **told})

        try:
            answer = await patiently(lambda: self._chat.ask(prompt), retried, self._sleep)
            usage = answer.completion.usage
            await lease.commit(ANSWERED, {**about, "latency_ms": answer.latency_ms, "usage": usage})
            return asdict(self._written(lease.task_id, agent, answer))
        except ChatFailed as failure:
            tried = {"endpoint": self._settings.base_url, "attempts": attempts}
            raise WorkFailed({**about, **tried, **failure.payload()}) from None
        except Failure as failure:
            raise WorkFailed({**about, "message": str(failure)}) from None

    def _written(self, task_id: str, agent: Agent, answer: Answer) -> Result:
        text = artifact_text(agent, answer, self._settings.max_tokens)
        artifact = Artifacts(self._settings.artifact_dir, task_id).write(agent.file, text)
        _, is_cut, usage = answer.completion
        return Result(agent.name, self._settings.model, artifact, text[:EXCERPT], is_cut, usage)


def artifact_text(agent: Agent, answer: Answer, max_tokens: int) -> str:
    """What goes into the file: without Markdown's fences, and telling that it was cut."""
    text = _unfenced(answer.completion.text, is_code=agent.file.endswith(".py"))
    if answer.completion.is_cut:
        text += "\n\n" + agent.notice.format(f"Cut off after {max_tokens} tokens.")
    return text + "\n"


def _unfenced(text: str, *, is_code: bool) -> str:
    """Code is what stands in the first fence, where there is one; other text may be in one."""
    fence = _FENCE.search(text)
    if fence is None or not (is_code or fence.span() == (0, len(text))):
        return text
    return fence[1].rstrip()


def _part(payload: Raw) -> tuple[Agent, str]:
    agent, request = agent_of(payload), request_of(payload)
    if agent is None or request is None:
        told = f"payload_schema names no agent of the loop ({', '.join(AGENTS)}) with a request"
        raise WorkFailed({"message": told, "next": "register the task with `agentd loop`"})
    return agent, request


def _result(node_id: str, payload: Raw) -> Result:
    result = result_of(payload)
    if result is None:
        told = f"the result of node {node_id}, which this one waited for, is not of the loop"
        raise WorkFailed({"message": told, "next": "register the task with `agentd loop`"})
    return result
