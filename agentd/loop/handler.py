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
from agentd.loop.chat import ChatAnswer, ChatClient
from agentd.loop.chat_span import chat_span, token_counts
from agentd.loop.failures import ChatFailed, TransientFailure
from agentd.loop.prompts import prompt_messages
from agentd.loop.result import EXCERPT_LENGTH, AgentResult, decode_result
from agentd.loop.retries import Sleep, with_retries
from agentd.loop.settings import Settings

REQUEST_STARTED = "DEEPSEEK_REQUEST_STARTED"
REQUEST_RETRIED = "DEEPSEEK_RETRY"
RESPONSE_RECEIVED = "DEEPSEEK_RESPONSE"

_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""A block of Markdown; one that was cut has no end."""


class AgentHandler:
    """Works on the nodes of the loop; `sleep` waits between two tries, in seconds."""

    def __init__(self, settings: Settings, chat: ChatClient, sleep: Sleep = asyncio.sleep) -> None:
        self._settings = settings
        self._chat = chat
        self._sleep = sleep

    async def __call__(self, lease: AsyncLease) -> dict[str, Any]:
        """The node's result. Raises `WorkFailed` for what fails the node, or `LeaseLost`."""
        agent, request = _assignment(lease.context.node.payload_schema)
        results = [
            _result_or_fail(each.node_id, each.result_payload)
            for each in lease.context.completed_dependencies
        ]
        about = {"agent": agent.name, "model": self._settings.model}
        prompt = prompt_messages(agent, lease.context.task.goal, request, results)
        await lease.commit(REQUEST_STARTED, about)
        attempts = 1

        async def commit_retry(failure: TransientFailure, attempt: int, seconds: float) -> None:
            nonlocal attempts
            attempts = attempt + 1
            told = {"attempt": attempt, "message": failure.message, "wait_ms": round(seconds * 1e3)}
            await lease.commit(REQUEST_RETRIED, {**about, **told})

        try:
            with chat_span(self._settings) as note:
                answer = await with_retries(
                    lambda: self._chat.ask(prompt), commit_retry, self._sleep
                )
                note(answer.completion)
            lease.trace.add_usage(token_counts(answer.completion))
            usage = answer.completion.usage
            await lease.commit(
                RESPONSE_RECEIVED, {**about, "latency_ms": answer.latency_ms, "usage": usage}
            )
            return asdict(self._write_artifact(lease.task_id, agent, answer))
        except ChatFailed as failure:
            tried = {"endpoint": self._settings.base_url, "attempts": attempts}
            raise WorkFailed({**about, **tried, **failure.payload()}) from None
        except Failure as failure:
            raise WorkFailed({**about, "message": str(failure)}) from None

    def _write_artifact(self, task_id: str, agent: Agent, answer: ChatAnswer) -> AgentResult:
        text = artifact_text(agent, answer, self._settings.max_tokens)
        artifact = Artifacts(self._settings.artifact_dir, task_id).write(agent.file, text)
        is_cut, usage = answer.completion.is_cut, answer.completion.usage
        return AgentResult(
            agent.name, self._settings.model, artifact, text[:EXCERPT_LENGTH], is_cut, usage
        )


def artifact_text(agent: Agent, answer: ChatAnswer, max_tokens: int) -> str:
    """What goes into the file: without Markdown's fences, and telling that it was cut."""
    text = _strip_fence(answer.completion.text, is_code=agent.file.endswith(".py"))
    if answer.completion.is_cut:
        text += "\n\n" + agent.notice.format(f"Cut off after {max_tokens} tokens.")
    return text + "\n"


def _strip_fence(text: str, *, is_code: bool) -> str:
    """Code is what stands in the first fence, where there is one; other text may be in one."""
    fence = _FENCE.search(text)
    if fence is None or not (is_code or fence.span() == (0, len(text))):
        return text
    return fence[1].rstrip()


def _assignment(payload: Raw) -> tuple[Agent, str]:
    agent, request = agent_of(payload), request_of(payload)
    if agent is None or request is None:
        told = f"payload_schema names no agent of the loop ({', '.join(AGENTS)}) with a request"
        raise WorkFailed({"message": told, "next": "register the task with `agentd loop`"})
    return agent, request


def _result_or_fail(node_id: str, payload: Raw) -> AgentResult:
    result = decode_result(payload)
    if result is None:
        told = f"the result of node {node_id}, which this one waited for, is not of the loop"
        raise WorkFailed({"message": told, "next": "register the task with `agentd loop`"})
    return result
