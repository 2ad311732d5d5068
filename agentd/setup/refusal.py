"""Why a harness is not set up.

The rule this file keeps: whoever is refused is told which file it is about, and finds it unchanged.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from agentd.errors import Failure


class CannotSetUp(Failure):
    """Nothing was written: the message names the file and what to do."""


class DoesNotParse(CannotSetUp):
    """A settings file that is not what its harness reads; it is left as it is."""


class HasComments(DoesNotParse):
    """JSON with comments or trailing commas: right for its harness, and not edited by us."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """While a file is written. Raises `CannotSetUp` where the disk is full, or read-only, say."""
    try:
        yield
    except OSError as error:
        raise CannotSetUp(f"{path} cannot be written: {error.strerror or error}") from error
