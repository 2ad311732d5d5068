"""Rule: figures are sorted once, and named for what they are."""

from collections.abc import Sequence
from statistics import median

__all__ = ["median", "percentile"]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value below which that share of an ascending sequence lies (nearest rank)."""
    if not ordered:
        raise ValueError("no values were measured")
    rank = round(percent / 100 * (len(ordered) - 1))
    return ordered[rank]
