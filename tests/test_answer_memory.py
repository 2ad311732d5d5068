"""The memory of answers: who is let in, who waits, and what is held for whom."""

from typing import Any

import pytest

from agentd.daemon import answer_memory as answer_memory_module
from agentd.daemon.answer_memory import AnswerMemory
from agentd.errors import StorageError


class Client:
    """Somebody whose query is begun when there is room."""

    def __init__(self) -> None:
        self.begun = 0

    def go(self) -> None:
        self.begun += 1

    def refuse(self, _why: StorageError | None = None) -> None:
        """It is not refused here."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_memory_module, "BYTES", 100)
    monkeypatch.setattr(answer_memory_module, "TIGHT", 50)


def entered(room: AnswerMemory, *sizes: int) -> list[Client]:
    """Clients whose answers may take so many bytes."""
    clients = [Client() for _ in sizes]
    for client, size in zip(clients, sizes, strict=True):
        room.reserve(client, size, client.go)
    return clients


def begun(clients: list[Client]) -> list[int]:
    return [client.begun for client in clients]


def nothing() -> Any:
    """Nobody is told of room."""


def test_who_fits_is_let_in() -> None:
    """What is kept for answers stays below the bound; the others wait in their order."""
    room = AnswerMemory(nothing)
    clients = entered(room, 60, 40, 1, 1)
    assert begun(clients) == [1, 1, 0, 0]
    room.set_unread(clients[1], 39)
    assert begun(clients) == [1, 1, 1, 0]
    room.set_unread(clients[0], 0)
    assert begun(clients) == [1, 1, 1, 1]


def test_the_only_one_is_always_let_in() -> None:
    """An answer larger than all the room there is waits until it is alone, and no longer."""
    room = AnswerMemory(nothing)
    clients = entered(room, 10, 1_000, 10)
    assert begun(clients) == [1, 0, 0]
    room.set_unread(clients[0], 0)
    assert begun(clients) == [1, 1, 0]
    room.set_unread(clients[1], 0)
    assert begun(clients) == [1, 1, 1]


def test_first_come_first_served() -> None:
    """A small one does not pass a large one that came before it."""
    room = AnswerMemory(nothing)
    clients = entered(room, 60, 60, 1)
    assert begun(clients) == [1, 0, 0]


def test_what_is_known_takes_the_place_of_what_was_kept() -> None:
    """The size of an answer counts once: as it is kept, then as it is, then not at all."""
    room = AnswerMemory(nothing)
    [client] = entered(room, 90)
    for unread in (30, 20, 0):
        room.set_unread(client, unread)
    assert begun(entered(room, 100)) == [1]


def test_who_asks_for_more() -> None:
    """What was kept for a client does not stand in its own way."""
    room = AnswerMemory(nothing)
    [client] = entered(room, 60)
    room.reserve(client, 100, client.go)
    assert client.begun == 2


@pytest.mark.parametrize("was_let_in", [True, False])
def test_who_is_gone_holds_nothing(was_let_in: bool) -> None:  # noqa: FBT001
    """Whether it was let in or waits, its going makes room, and it is never called."""
    room = AnswerMemory(nothing)
    clients = entered(room, 60, 60, 40)
    gone = clients[0 if was_let_in else 1]
    room.release(gone)
    room.release(gone)
    assert begun(clients) == ([1, 1, 1] if was_let_in else [1, 0, 1])


def test_room_is_tight() -> None:
    """What is unread makes it so, what is kept does not; when it ends somebody is told, once."""
    told: list[bool] = []
    room = AnswerMemory(lambda: told.append(room.is_tight))
    clients = entered(room, 90, 1)
    assert not room.is_tight
    room.set_unread(clients[0], 49)
    assert not room.is_tight
    room.set_unread(clients[1], 1)
    assert room.is_tight
    room.set_unread(clients[0], 60)
    assert told == []
    room.release(clients[0])
    room.release(clients[1])
    assert told == [False]


def test_nobody_is_let_in_any_more() -> None:
    """Those who wait are named, and what becomes free is given to nobody."""
    room = AnswerMemory(nothing)
    clients = entered(room, 60, 60, 60)
    assert room.stop_waiting() == clients[1:]
    room.release(clients[0])
    assert begun(clients) == [1, 0, 0]
