"""The order in which nodes are handed out, before age: one integer, the smallest first.

The rule this file keeps: a higher priority is a smaller rank, and of equals those stand behind
whose leases ran out more often in a row, from the third time on.
"""

_EQUALS = 1_000_000
"""Ranks that one priority has."""

_FORGIVEN = 2
"""Leases in a row that may run out before it costs the node its place."""


def rank_of(priority: int) -> int:
    """The rank of a node none of whose leases ran out."""
    return -priority * _EQUALS


def priority_of(rank: int) -> int:
    """The priority that has the rank among its own."""
    return -(rank // _EQUALS)


def with_strikes(rank: int, strikes: int) -> int:
    """The rank of the same priority after so many leases in a row that ran out."""
    behind = min(max(strikes - _FORGIVEN, 0), _EQUALS - 1)
    return rank - rank % _EQUALS + behind
