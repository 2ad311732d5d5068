"""What to say where nobody knows whether a request was carried out.

The rule this file keeps: the command that is told is safe to type, whatever became of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from agentd.errors import ConnectionLost, NoAnswer, StorageError


@contextmanager
def say_how_to_repeat(again: str, may_be: str) -> Iterator[None]:
    """Around the request that the command `again` repeats; `may_be` says what may have happened."""
    how = f"to repeat it safely, with the same document: `{again}`"
    try:
        yield
    except (NoAnswer, ConnectionLost) as error:
        raise type(error)(f"{_without_full_stop(error)}; {how}") from error
    except StorageError as error:
        raise type(error)(f"{_without_full_stop(error)}; {how}", **error.data) from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted: {may_be}; {how}") from error


def _without_full_stop(error: Exception) -> str:
    return str(error).removesuffix(".")
