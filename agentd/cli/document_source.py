"""Where a document comes from: a file, or standard input.

The rule this file keeps: the form is told by the file's name, and else looked at.
"""

from pathlib import Path
from typing import NamedTuple

from agentd.cli.payload import read_argument
from agentd.documents.faults import BadDocument

_FORMS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


class Source(NamedTuple):
    """A document as it was written, what messages call it, and its form, where that is known."""

    written: bytes
    name: str
    form: str | None


def read_source(path: str) -> Source:
    """What is written there, or on standard input for "-". Raises `BadDocument`, `Usage`."""
    if path == "-":
        return Source(read_argument(path, "the document"), "standard input", None)
    try:
        return Source(Path(path).read_bytes(), path, _FORMS.get(Path(path).suffix.lower()))
    except OSError as error:
        raise BadDocument(f"{path} cannot be read: {error.strerror}") from error
