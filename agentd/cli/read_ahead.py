"""What takes time to come by, fetched while what came before it is used.

The rule this file keeps: the order stays, and so does what goes wrong: it is raised where the next
item would have been.
"""

import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End(Generic[Item]):
    """Nothing comes any more, because of that error if there is one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, taken in a thread of its own. Raises what they raise."""
    fetched: SimpleQueue[Item | _End[Item]] = SimpleQueue()
    threading.Thread(target=_fetch, args=(items, fetched), daemon=True).start()
    while True:
        item = fetched.get()
        if not isinstance(item, _End):
            yield item
        elif item.error is not None:
            raise item.error
        else:
            return


def _fetch(items: Iterable[Item], fetched: "SimpleQueue[Item | _End[Item]]") -> None:
    try:
        for item in items:
            fetched.put(item)
    except BaseException as error:  # noqa: BLE001 - it is raised by whoever waits for the item
        fetched.put(_End(error))
    else:
        fetched.put(_End())
