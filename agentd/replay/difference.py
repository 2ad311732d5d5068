"""What a check finds."""

from msgspec import Struct


class Difference(Struct, frozen=True):
    """Something that is not as the journal, or the rules, say."""

    where: str
    what: str

    def __str__(self) -> str:
        # What damage left of a text may be anything, also what a terminal would obey.
        return "".join(
            c if c.isprintable() else ascii(c)[1:-1] for c in f"{self.where}: {self.what}"
        )
