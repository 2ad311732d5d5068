"""All that there is to know about one node, as lines.

The rule this file keeps: payloads are text of others, and only their beginning is shown: `agentd
node show` has all of them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import UNSET, Raw

from agentd.api import AttemptView, NodeStatusResult
from agentd.quantities import format_amount
from agentd.text import printable_json
from agentd.times import format_moment

_MOST_ATTEMPTS = 50
_PAYLOAD = 4_000
"""Characters of a payload."""


def detail_lines(found: NodeStatusResult, now: float) -> Iterator[str]:
    """What it is, who has it, how its attempts ended, and what it was given and gave."""
    node = found.node
    moment = datetime.fromtimestamp(now, UTC)
    yield f"node      {node.id}"
    yield f"status    {node.status}"
    if node.lease_owner is not None and node.acquired_at is not None:
        yield f"holder    {node.lease_owner}"
        yield f"since     {format_moment(node.acquired_at, moment)}"
        yield f"until     {format_moment(node.lease_expires_at or 0, moment)}"
    if node.gate is not UNSET:
        yield f"asks      {node.gate.ask}"
    if node.blocked_by:
        yield f"waits for {', '.join(node.blocked_by)}"
    if node.usage:
        used = (f"{unit} {format_amount(number)}" for unit, number in node.usage.items())
        yield f"usage     {', '.join(used)}"
    for name in ("requires", "limits", "locks"):
        if (given := getattr(node, name)) is not UNSET and given:
            yield f"{name:9} {', '.join(map(str, given))}"
    yield ""
    yield f"attempts  {node.attempt or 'none yet'}"
    for attempt in found.attempts[-_MOST_ATTEMPTS:]:
        yield f"  {_attempt(attempt, moment)}"
    yield from _payload("was given", node.payload_schema)
    yield from _payload("result", node.result_payload)
    if found.checkpoint is not None:
        yield from _payload("checkpoint", found.checkpoint.payload)


def _attempt(attempt: AttemptView, now: datetime) -> str:
    ended = format_moment(attempt.ended_at, now)
    told = f"{attempt.attempt}  {attempt.how} {ended}  {attempt.owner or ''}"
    error = _text(attempt.error)
    return told + (f": {error}" if error not in ("null", "") else "")


def _payload(name: str, payload: Raw) -> Iterator[str]:
    text = _text(payload)
    if text not in ("null", "", "{}"):
        yield ""
        yield name
        yield f"  {text}"


def _text(payload: Raw) -> str:
    written = bytes(payload)
    more = len(written) - _PAYLOAD
    shown = printable_json(written[:_PAYLOAD]).replace("\n", " ")
    return shown + (f" … and {more:,} bytes more" if more > 0 else "")
