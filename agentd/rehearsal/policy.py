"""What may be set for a rehearsal, and how that changes what is recorded.

The rule this file keeps: these are the settings that decisions go by, and no others. What cannot be
read is refused in one line, with what is expected or was probably meant.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from agentd.decide.usage import is_reached
from agentd.durations import parse_duration
from agentd.errors import BadSetting
from agentd.events import (
    BudgetSet,
    Event,
    LimitSet,
    NodeAdded,
    NodeSettings,
    NodeUpdated,
    Rate,
    Retry,
    TaskRegistered,
)
from agentd.suggestion import closest_name

NONE = "none"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Policy(Struct, frozen=True):
    """Other settings, where any are given: of nodes, of their retries, and by name of limits.

    `lease_secs` is the length of every lease. A limit, rate or budget that is None is none.
    """

    lease_secs: int | None = None
    workers: int | None = None
    node: Mapping[str, Any] = _NOTHING
    retry: Mapping[str, Any] = _NOTHING
    limits: Mapping[str, int | None] = _NOTHING
    rates: Mapping[str, Rate | None] = _NOTHING
    budgets: Mapping[str, float | None] = _NOTHING

    @property
    def limit_names(self) -> set[str]:
        """The limits that are set otherwise."""
        return {*self.limits, *self.rates}

    def budget(self, budget: Mapping[str, float] | None) -> dict[str, float] | None:
        """A task's budget as it would be."""
        merged = {**(budget or {}), **self.budgets}
        return {unit: most for unit, most in merged.items() if most is not None} or None

    def limit(self, event: LimitSet) -> LimitSet:
        """A limit as it would be set."""
        most = self.limits.get(event.name, event.max_running)
        return LimitSet(event.name, most, self.rates.get(event.name, event.rate))

    def amend(self, event: Event) -> Event:
        """What would have been recorded in the place of this."""
        if isinstance(event, NodeAdded):
            settings = self._amend_settings(event.settings)
            return event if settings is event.settings else replace(event, settings=settings)
        if isinstance(event, NodeUpdated):
            return replace(event, settings=self._amend_settings(event.settings))
        if isinstance(event, TaskRegistered) and self.budgets:
            budget = self.budget(event.budget)
            return replace(event, budget=budget, spent=is_reached(budget, {}))
        if isinstance(event, BudgetSet) and self.budgets:
            return replace(event, budget=self.budget(event.budget))
        return self.limit(event) if isinstance(event, LimitSet) else event

    def _amend_settings(self, settings: NodeSettings | None) -> NodeSettings | None:
        """Gates are decided, whatever is set; who has one attempt has no pauses to change."""
        own = settings or NodeSettings()
        if own.gate is not None or not (self.node or self.retry):
            return settings
        retry = own.retry
        if self.retry and (retry is not None or "max_attempts" in self.retry):
            retry = replace(retry or Retry(), **self.retry)
        return replace(own, retry=retry, **self.node)


class Kind(NamedTuple):
    """A setting: how its value is read, what that looks like, and what it is."""

    read: Callable[[str], Any]
    example: str
    means: str


def _number_between(
    read: Callable[[str], float], least: float, most: float
) -> Callable[[str], Any]:
    def parse(text: str) -> float:
        found = read(text)
        if not least <= found <= most:
            raise ValueError(f"{text!r}: expected {least:,.16g} to {most:,.16g}")
        return found

    return parse


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r}: expected a whole number")
    return int(text[:20])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r}: expected a number") from None


def _whole_seconds(text: str) -> int:
    if (found := parse_duration(text)) != int(found):
        raise ValueError(f"{text!r}: expected whole seconds")
    return int(found)


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == NONE else read(text)


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r}: expected {' or '.join(words)}")
        return text

    return parse


def _rate(text: str) -> Rate:
    count, slash, per = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r}: expected such as 10/60s")
    seconds = _number_between(parse_duration, 1, 86_400)(per)
    return Rate(_number_between(_whole, 1, 10_000)(count), round(seconds * 1000))


_BOOLEANS = {"true": True, "false": False}
_YEAR, _DAY = 31_536_000, 86_400
_MOST = 10**15

SETTINGS: Mapping[str, Kind] = MappingProxyType(
    {
        "workers": Kind(_number_between(_whole, 1, 10_000), "12", "how many work at once"),
        "lease_secs": Kind(
            _number_between(_whole_seconds, 1, _DAY), "120", "length of every lease"
        ),
        "timeout_secs": Kind(
            _or_none(_number_between(_whole_seconds, 1, _YEAR)),
            "30m",
            "how long one attempt may take",
        ),
        "max_attempts": Kind(_number_between(_whole, 1, 1_000), "3", "attempts that a node has"),
        "backoff_secs": Kind(_number_between(parse_duration, 0, _YEAR), "2", "the first pause"),
        "factor": Kind(_number_between(_number, 1, 1_000), "2", "by which each pause is longer"),
        "max_backoff_secs": Kind(
            _number_between(parse_duration, 0, _YEAR), "5m", "the longest pause"
        ),
        "jitter": Kind(_number_between(_number, 0, 1), "0.2", "how much chance is in a pause"),
        "on_expiry": Kind(_one_of("true", "false"), "false", "whether expired attempts count"),
        "on_failure": Kind(_one_of("block", "continue"), "continue", "what dependents do"),
    }
)
"""What is said of all nodes and workers."""

NAMED: Mapping[str, Kind] = MappingProxyType(
    {
        "limit": Kind(_or_none(_number_between(_whole, 0, 2**31)), "8", "how many run at once"),
        "rate": Kind(_or_none(_rate), "10/60s", "how many begin in a time"),
        "budget": Kind(_or_none(_number_between(_number, 0, _MOST)), "5", "what each task may use"),
    }
)
"""What is said of one limit, or one unit: `limit.NAME`."""

_RETRY = ("max_attempts", "backoff_secs", "factor", "max_backoff_secs", "jitter", "on_expiry")


def parse_policy(given: Iterable[str]) -> Policy:
    """What `NAME=VALUE` texts say. Raises `BadSetting`."""
    found: dict[str, Any] = {}
    for name, value in map(_parse, given):
        if name in found:
            raise BadSetting(f"--set {name[:64]!a}: it is given more than once; leave one")
        found[name] = value
    named: dict[str, dict[str, Any]] = {name: {} for name in NAMED}
    for name, value in found.items():
        noun, dot, which = name.partition(".")
        if dot:
            named[noun][which] = value
    node: dict[str, Any] = {}
    if "timeout_secs" in found:
        secs = found["timeout_secs"]
        node["timeout_ms"] = None if secs is None else secs * 1000
    if "on_failure" in found:
        node["on_failure"] = found["on_failure"]
    retry = {name: found[name] for name in _RETRY if name in found}
    if "on_expiry" in retry:
        retry["on_expiry"] = _BOOLEANS[retry["on_expiry"]]
    return Policy(
        found.get("lease_secs"),
        found.get("workers"),
        node,
        retry,
        named["limit"],
        named["rate"],
        named["budget"],
    )


def _parse(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    noun, dot, which = name.partition(".")
    kind = NAMED.get(noun) if dot and which else SETTINGS.get(name)
    if kind is None:
        raise BadSetting(_unknown(name))
    if not equals:
        raise BadSetting(f"--set {text!a}: expected {name}=VALUE, such as {name}={kind.example}")
    try:
        return name, kind.read(value)
    except ValueError as error:
        raise BadSetting(f"--set {name}: {error}") from error


def _unknown(name: str) -> str:
    noun = name.partition(".")[0]
    known = [*SETTINGS, *(f"{each}.NAME" for each in NAMED)]
    meant = closest_name(name, known) or closest_name(noun, [*NAMED])
    if meant in NAMED:
        meant = f"{meant}.NAME"
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
    return f"--set {name[:64]!a}: nothing that can be set is called so; {hint}"
