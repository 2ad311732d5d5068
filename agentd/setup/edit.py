"""What became of a text: the new one, entry by entry.

The rule this file keeps: an edit says of every entry what was done, and which containers were made
for it, so that whoever takes it out leaves those that were there.
"""

from enum import StrEnum

from msgspec import Struct

from agentd.setup.json_text import Place


class State(StrEnum):
    """What was done about an entry."""

    ADDED = "added"
    CHANGED = "changed"
    THERE = "there"
    REMOVED = "removed"
    LEFT = "left"


class Entry(Struct, frozen=True):
    """An entry, by what it is and where; `note` says why it was left, or what it was before."""

    name: str
    state: State
    note: str = ""


class Edit(Struct, frozen=True):
    """The text after it, what was done, and what was made: the places of containers and values."""

    text: str
    entries: tuple[Entry, ...] = ()
    made: tuple[Place, ...] = ()

    def then(self, after: "Edit") -> "Edit":
        """Both: first this edit, then one of its text."""
        return Edit(after.text, self.entries + after.entries, self.made + after.made)
