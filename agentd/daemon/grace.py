"""Leases that ran out while nobody could extend them.

The rule this file keeps (wire protocol): a lease that ran out while the daemon was down, stopped or
suspended is honoured for min(10 s, the node timeout) after it is back, so that a live worker can
heartbeat before its node is handed to another. A daemon whose database's server was away was away
itself.
"""

LONGEST_MS = 10_000
LATE_MS = 1_000
"""A daemon that is there keeps its appointments within this time, so a later one was away."""

SUSPENDED_MS = 100
"""Less than that is the difference between reading two clocks."""


class Grace:
    """Knows when the daemon came back, and which leases that moment protects.

    All times are Unix milliseconds. `appointment` is when the sweeper wants to be woken next. From
    any thread: a return is one object that is put in place whole, and one that two threads notice
    at once is the same twice.
    """

    def __init__(self, started_at: int, lease_ms: int) -> None:
        """At its start the daemon comes back from having been down."""
        self._length = min(LONGEST_MS, lease_ms)
        self._suspended = 0
        self.appointment: int | None
        self.came_back(started_at)

    @property
    def until(self) -> int:
        """When the grace is over."""
        return self._protected[1]

    def came_back(self, now: int) -> None:
        """Protect the leases that have run out by now."""
        self._protected = now, now + self._length
        self.appointment = None  # nobody can be late twice for one absence

    def note_suspension(self, total: int, now: int) -> None:
        """Take note of how long the machine has been suspended in all, in milliseconds."""
        if total > self._suspended + SUSPENDED_MS:
            self._suspended = total
            self.came_back(now)

    def honoured_until(self, now: int) -> int:
        """Leases that ended at or before this moment are still honoured; 0 when none are.

        A missed appointment tells that the daemon was away: nothing has woken it in time.
        """
        appointment = self.appointment
        if appointment is not None and now > appointment + LATE_MS:
            self.came_back(now)
        back, until = self._protected
        return back if now < until else 0
