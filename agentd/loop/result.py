"""What a node of the loop is completed with.

The rule this file keeps: a result is small. The artifact is in a file, told by path, size and hash;
the result repeats as much of it as the next agent's prompt takes, so that prompts come from the
journal alone and a file that somebody changed later changes nothing that was decided.
"""

from pathlib import Path

from msgspec import Raw, Struct

from agentd.loop.decoding import Count, decode_or_none

EXCERPT_LENGTH = 16_000
"""Characters of an artifact that a result repeats, and so a prompt takes of it."""


class Artifact(Struct, frozen=True):
    """A file: its size in bytes and the SHA-256 of its content, in hexadecimal."""

    path: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.path).name


class AgentResult(Struct, frozen=True):
    """One agent's result. `is_cut`: the model had no tokens left to finish."""

    agent: str
    model: str
    artifact: Artifact
    excerpt: str
    is_cut: bool
    usage: dict[str, Count] | None


def decode_result(text: Raw) -> AgentResult | None:
    """The result that this JSON stands for, or None where it is none of the loop's."""
    return decode_or_none(text, AgentResult)
