"""One experiment: how much of a fault it makes, from which seed, and what it counted.

The rule this file keeps: chance comes from the seed and the experiment's name alone, so the seed
that a run prints repeats each experiment, alone or among others.
"""

import random


class Laboratory:
    """One experiment. `random` gives the same choices for the same seed and the same test.

    So does whatever else is made of `seed`.
    """

    def __init__(self, name: str, seed: int, *, soak: bool) -> None:
        self.soak = soak
        self.seed = f"{seed} {name}"
        self.random = random.Random(self.seed)
        self.counted: dict[str, int] = {}

    def amount(self, share: int, full: int) -> int:
        """How often: the share that every run of the suite takes, or all of it in a soak."""
        return full if self.soak else share

    def count(self, **figures: int) -> None:
        """Add to the figures that the run prints at its end."""
        for what, number in figures.items():
            self.counted[what] = self.counted.get(what, 0) + number
