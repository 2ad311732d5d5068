"""Who holds which resource lock, from the journal's rows alone.

The rule this file keeps: it shares no code with agentd. Keys name one thing alone: two locks are in
each other's way where their keys are the same and one of the two is exclusive.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.daemon_process import Object


@dataclass
class HeldLocks:
    """By key, the locks that are held and whether each is exclusive; of all, who got them."""

    held: defaultdict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By lock, its key and owner."""

    def acquired(self, _row: Any, data: Object) -> Iterator[str]:
        """One was granted; yields what was wrong with that."""
        key, lease_id = data["key"], data["lease_id"]
        is_exclusive = data.get("mode", "exclusive") == "exclusive"
        others = self.held[key]
        if others and (is_exclusive or any(others.values())):
            yield f"a lock on {key!r} twice"
        if lease_id in self.owners:
            yield "a lock granted twice"
        others[lease_id] = is_exclusive
        self.owners[lease_id] = key, data["owner"]

    def ended(self, _row: Any, data: Object) -> Iterator[str]:
        """One has ended, in whatever way; yields what was wrong with that."""
        if self.held[data["key"]].pop(data["lease_id"], None) is None:
            yield "the end of a lock that nobody holds"
