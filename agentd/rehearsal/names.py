"""The limits and units that a stretch knows by name.

The rule this file keeps: what would change nothing, and was meant to, is refused.
"""

from collections.abc import Callable, Iterable, Iterator

from agentd.errors import BadSetting
from agentd.events import (
    BudgetSet,
    Event,
    EventCommitted,
    LimitClosed,
    LimitSet,
    NodeAdded,
    NodeCompleted,
    NodeFailed,
    NodeUpdated,
    TaskRegistered,
)
from agentd.rehearsal.policy import Policy
from agentd.rehearsal.stretch import Stretch
from agentd.suggestion import closest_name

_NamesOf = Callable[[Event], Iterator[str]]


def require_names(stretch: Stretch, policy: Policy) -> None:
    """Raises `BadSetting` where a limit or a budget is set that nothing in the stretch names."""
    if policy.limit_names:
        told = "no node of that time names the limit"
        _require(policy.limit_names, _limits, stretch, told)
    if policy.budgets:
        told = "nothing of that time was used of, and no budget had, the unit"
        _require(policy.budgets, _units, stretch, told)


def _require(wanted: Iterable[str], names_of: _NamesOf, stretch: Stretch, told: str) -> None:
    everything = (*stretch.before, *stretch.records)
    known = {name for recorded in everything for name in names_of(recorded.event)}
    for name in sorted({*wanted} - known):
        meant = closest_name(name, sorted(known))
        hint = f"; did you mean {meant!a}?" if meant else ""
        raise BadSetting(f"{told} {name[:64]!a}{hint}")


def _limits(event: Event) -> Iterator[str]:
    if isinstance(event, LimitSet | LimitClosed):
        yield event.name
    elif isinstance(event, NodeAdded | NodeUpdated) and event.settings is not None:
        yield from event.settings.limits or ()


def _units(event: Event) -> Iterator[str]:
    if isinstance(event, EventCommitted | NodeCompleted | NodeFailed):
        yield from event.usage
    elif isinstance(event, TaskRegistered | BudgetSet):
        yield from event.budget or ()
