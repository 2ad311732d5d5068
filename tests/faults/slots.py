"""Who has a slot of which limit, from the journal's rows alone.

The rule this file keeps: it shares no code with agentd, and nothing is counted up and down: who
runs is a set of leases, and a rate is judged by the moments of all acquisitions there were.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.daemon_process import Object


class Limit(NamedTuple):
    """So many leases, and so many acquisitions in any `per_ms` milliseconds; None: any number."""

    max_running: int | None
    most: int | None = None
    per_ms: int = 0


@dataclass
class Slots:
    """By limit, what it allows, the leases that have a slot, and when one was taken (Unix ms)."""

    limits: dict[str, Limit] = field(default_factory=dict)
    running: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    taken: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def limit_set(self, _row: Any, data: Object) -> None:
        """A limit allows so much from now on."""
        rate = data.get("rate") or {}
        limit = Limit(data.get("max_running"), rate.get("count"), rate.get("per_ms", 0))
        self.limits[data["name"]] = limit

    def take(self, lease_id: str, names: Sequence[str], at: int) -> Iterator[str]:
        """The lease takes a slot of each; yields what was wrong with that."""
        for name in names:
            self.running[name].add(lease_id)
            self.taken[name].append(at)
            if (limit := self.limits.get(name)) is not None:
                yield from self._exceeded(name, limit)

    def give_back(self, lease_id: str) -> None:
        """The lease has ended."""
        for leases in self.running.values():
            leases.discard(lease_id)

    def _exceeded(self, name: str, limit: Limit) -> Iterator[str]:
        running, taken = len(self.running[name]), self.taken[name]
        if limit.max_running is not None and running > limit.max_running:
            yield f"{running} have a slot of {name!r}, {limit.max_running} may"
        if limit.most is not None and len(taken) > limit.most:
            first, last = taken[-limit.most - 1], taken[-1]
            if last - first < limit.per_ms:
                yield f"{limit.most + 1} took a slot of {name!r} in {last - first} ms"
