"""The spans of what the agents of the loop ask a model."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from agentd import Client, Worker
from agentd.loop.chat import ChatClient
from agentd.loop.handler import AgentHandler
from agentd.loop.run import register_task
from tests.collector import collector
from tests.daemon_process import DaemonProcess
from tests.loop_asking import KEY, settings
from tests.loop_endpoint import Endpoint, body, echoes, endpoint, refuses
from tests.loop_run import loop
from tests.spans import Tracing, span_id, tracing

MODEL = "deepseek-v4-flash"
PLANNED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def chats(told: Tracing) -> list[ReadableSpan]:
    """What was asked of the model."""
    return told.named(f"chat {MODEL}")


def run_loop(shared: DaemonProcess, there: Endpoint, folder: Path) -> Tracing:
    """What is traced while the agents do their work in this process."""
    of_loop = settings(there.base_url, AGENTD_ARTIFACT_DIR=str(folder))

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    handler = AgentHandler(of_loop, ChatClient(of_loop), sleep)
    with tracing() as told, Client(shared.socket_path) as client:
        Worker(client, handler, task_id=register_task(client, "goal", of_loop)).run()
    return told


def test_a_question_has_a_span(shared: DaemonProcess, tmp_path: Path) -> None:
    """It is a child of the attempt, covers all tries, and has sizes and names, but no words."""
    with endpoint() as there:
        there.faults.append(refuses(503))
        told = run_loop(shared, there, tmp_path)
        port = int(there.base_url.rpartition(":")[2])
    assert len(there.asks) == 5
    assert [len(told.named("agentd.attempt")), len(chats(told))] == [4, 4]
    first = chats(told)[0]
    attributes = dict(first.attributes or {})
    assert attributes.pop("gen_ai.response.finish_reasons") in (("stop",), ("length",))
    tokens = [attributes.pop(f"gen_ai.usage.{way}_tokens") for way in ("input", "output")]
    assert all(isinstance(number, int) and number > 0 for number in tokens)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 120,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.model": MODEL,
        "server.address": "127.0.0.1",
        "server.port": port,
    }
    assert (first.kind, first.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert first.parent is not None
    attempts = {span_id(span): span.attributes or {} for span in told.named("agentd.attempt")}
    of_attempt = attempts[first.parent.span_id]
    assert tokens == [of_attempt[f"agentd.usage.{way}_tokens"] for way in ("input", "output")]


def test_a_question_that_fails(shared: DaemonProcess, tmp_path: Path) -> None:
    """The type is the status that was answered; the key that the endpoint repeats is not told."""
    with endpoint() as there:
        there.faults += [echoes(401)] * 3
        told = run_loop(shared, there, tmp_path)
    failed = chats(told)
    assert {(span.attributes or {})["error.type"] for span in failed} == {"401"}
    for span in failed:
        assert span.status.status_code is StatusCode.ERROR
        assert "bad header" in (span.status.description or "")
        assert (KEY not in span.to_json(), span.events) == (True, ())
    outcomes = {(span.attributes or {})["agentd.outcome"] for span in told.named("agentd.attempt")}
    assert outcomes == {"failed"}


@pytest.mark.parametrize(
    ("model", "told"), [(5, None), (None, None), (f"m\n{KEY}", "m [key]"), (["x"], None)]
)
def test_the_name_of_the_model_that_answers(
    shared: DaemonProcess, tmp_path: Path, model: Any, told: str | None
) -> None:
    """Whatever the endpoint says there, the answer counts; what is no name is left out."""
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    with endpoint() as there:
        there.faults += [body(json.dumps({"choices": [choice], "model": model}))] * 4
        traced = run_loop(shared, there, tmp_path)
    assert [(span.attributes or {}).get("gen_ai.response.model") for span in chats(traced)] == [
        told
    ] * 4


def test_the_workers_of_the_loop_send_their_spans(shared: DaemonProcess, tmp_path: Path) -> None:
    """Where the environment asks for that; all are in the trace of whoever started the loop."""
    with collector() as there:
        ended = loop(
            shared,
            "--offline",
            AGENTD_ARTIFACT_DIR=str(tmp_path),
            TRACEPARENT=PLANNED,
            **there.environment,
        )
    assert ended.code == 0, ended
    assert (
        sorted(span.name for span in there.spans) == ["agentd.attempt"] * 4 + [f"chat {MODEL}"] * 4
    )
    assert {span.trace_id for span in there.spans} == {PLANNED.split("-")[1]}
