"""How what an Argo template says of tries, time and suspension is said of a node.

The rule this file keeps: what there is no counterpart for is noted.
"""

from collections.abc import Mapping
from typing import Any

from agentd.api import GateSpec
from agentd.api.moments import LONGEST_SECS
from agentd.durations import parse_duration
from agentd.plans.builder import Builder
from agentd.plans.part import Part, fields_in, null_left_out
from agentd.plans.settings import EXPRESSION, is_expression, number, retry, timeout

_SETTINGS = ("activeDeadlineSeconds", "timeout", "retryStrategy")
_NOTHING = (b"{}", b"[]", b"false", b'""')
"""Values that say no more than the field's absence."""


def said(fields: Mapping[str, Part]) -> dict[str, Part]:
    """The fields that say something, for noting what has no counterpart."""
    return {name: part for name, part in fields.items() if bytes(part.raw) not in _NOTHING}


def continues(fields: Mapping[str, Part]) -> Mapping[str, Any]:
    """Whether what waits for a task or step runs although it failed."""
    if "continueOn" not in fields:
        return {}
    on = null_left_out(fields["continueOn"].fields())
    return {"on_failure": "continue"} if any(part.truth() for part in on.values()) else {}


def gate_of(builder: Builder, part: Part, key: str) -> GateSpec:
    """A suspended workflow goes on when somebody says so, or when its time is over."""
    fields = null_left_out(part.fields()) if part.kind == "an object" else {}
    seconds = _duration(builder, fields.get("duration"))
    return GateSpec(f"{key}: shall it go on?", seconds, "approve" if seconds else "reject")


def _duration(builder: Builder, part: Part | None) -> float | None:
    """Seconds, or a duration such as 2m; None where there is none, or what is none."""
    if part is None:
        return None
    if is_expression(part):
        builder.note(part, EXPRESSION)
        return None
    try:
        return parse_duration(part.text() or "")
    except ValueError:
        builder.note(part, f"it is no duration of at most {LONGEST_SECS // 86_400} days: left out")
        return None


def defaults_of(builder: Builder, spec: Mapping[str, Part]) -> Mapping[str, Part]:
    """What a workflow says for all of its templates of how long they take, and how often.

    See `templateDefaults` and `retryStrategy` of a WorkflowSpec in Argo's field reference.
    """
    lent = fields_in(spec, "templateDefaults")
    told = "what it says of all templates is in the context alone"
    builder.note_each(said(lent), {name: told for name in lent if name not in _SETTINGS})
    own = {name: spec[name] for name in ("retryStrategy",) if name in spec}
    return own | {name: lent[name] for name in _SETTINGS if name in lent}


def settings_of(
    builder: Builder, template: Mapping[str, Part], defaults: Mapping[str, Part]
) -> Mapping[str, Any]:
    """How long a template may take, and how often it is tried."""
    fields = {**defaults, **template}
    found: dict[str, Any] = {}
    deadline = number(builder, fields.get("activeDeadlineSeconds"), "a number of seconds")
    found.update(timeout(deadline or _duration(builder, fields.get("timeout"))))
    if "retryStrategy" not in fields:
        return found
    strategy = null_left_out(fields["retryStrategy"].fields())
    for name in ("expression", "when", "affinity", "retryPolicy"):
        if name in strategy:
            builder.note(strategy[name], "it is tried again whatever went wrong, and wherever")
    backoff = fields_in(strategy, "backoff")
    if "maxDuration" in backoff:
        builder.note(backoff["maxDuration"], "the number of tries alone is bounded")
    factor = number(builder, backoff.get("factor"), "a factor")
    pause, longest = (_duration(builder, backoff.get(name)) for name in ("duration", "cap"))
    limit = number(builder, strategy.get("limit"), "a number of retries")
    if "limit" not in strategy:
        told = "it is tried again without end there; here as often as `agentd task retry` says"
        builder.note(fields["retryStrategy"], told)
    found.update(retry(limit or 0, pause, factor, longest))
    return found
