"""The answers of the offline endpoint, one for each agent.

The rule this file keeps: they are what a model would be glad to have written. The worker script
runs, the contract is agentd's, the review speaks of both, and each fits into 120 tokens.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from agentd.loop.offline import ChatReply, ChatRequest
from agentd.loop.prompts import INTRODUCTION

THINKS_SECS = 0.2
"""A model takes its time; two workers are then seen at work at once."""

_CHARACTERS_PER_TOKEN = 4
"""A usual estimate for English and code."""

_WORKER = """\
import json, os, socket

s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["AGENTD_SOCKET_PATH"])
f = s.makefile("rw")

def call(name, **args):
    print(json.dumps({"method": name, "params": args}), file=f, flush=True)
    return json.loads(f.readline())["result"]

while n := call("AcquireNextNode", task_id=os.environ["AGENTD_TASK_ID"]):
    n = {k: n[k] for k in n if k.endswith("_id")}
    call("HeartbeatNode", **n)
    call("CompleteNode", **n)
"""
_CONTRACT = """\
# IPC contract

- One JSON object a line, UTF-8, at most 1 MiB, over a Unix socket.
- Request: `{"id", "method", "params"}`; answer: `result` or `error`, never both.
- `AcquireNextNode {task_id}`: a node with its `lease_id`, or `null`.
- `HeartbeatNode` at a third of the lease; `CompleteNode` ends it.
- `stale_lease`: drop the work and acquire again.
"""
_REVIEW = """\
# Integration review

- The script heartbeats once: a step longer than the lease loses its node. Heartbeat from a thread.
- It reads `result` and fails with a KeyError on `error`: handle `stale_lease` by acquiring again.
- Framing and field names agree with the contract.

Not safe yet.
"""
_SYNTHESIS = """\
# Result

- Made: a worker of one screen, and the contract that it speaks.
- They fit; two risks are left: one heartbeat only, and errors that are not handled.
- Next: heartbeat from a thread at a third of the lease, and drop the work on `stale_lease`.
"""

SCRIPT: Mapping[str, str] = MappingProxyType(
    {
        "worker-script": f"```python\n{_WORKER}```",
        "ipc-contract": _CONTRACT,
        "integration-review": _REVIEW,
        "synthesis": _SYNTHESIS,
    }
)
"""By the agent that asks."""


def answer_as_agent(ask: ChatRequest) -> ChatReply:
    """The answer of the agent whose prompt this is."""
    time.sleep(THINKS_SECS)
    for agent, text in SCRIPT.items():
        if INTRODUCTION.format(agent) in ask.content("system"):
            return completion_reply(ask, text)
    return ChatReply(400, msgspec.json.encode({"error": {"message": "no agent of the loop asks"}}))


def completion_reply(ask: ChatRequest, text: str) -> ChatReply:
    """A chat completion with this text, cut where the request says so."""
    asked, limit = ask.body.get("messages", []), ask.body.get("max_tokens", 0)
    room = limit * _CHARACTERS_PER_TOKEN
    written = text[:room]
    used = _count_tokens(str(asked)), _count_tokens(written)
    body = {
        "id": "offline",
        "object": "chat.completion",
        "model": ask.body.get("model"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": written},
                "finish_reason": "stop" if written == text else "length",
            }
        ],
        "usage": {
            "prompt_tokens": used[0],
            "completion_tokens": used[1],
            "total_tokens": sum(used),
        },
    }
    return ChatReply(200, msgspec.json.encode(body))


def _count_tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
