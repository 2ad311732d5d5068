"""Texts that PostgreSQL cannot keep: one clear refusal, and no neighbour is harmed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agentd.errors import StorageError
from agentd.lock_keys import LONGEST_KEY
from agentd.store.postgres import PostgresStore
from tests.core import Core

if TYPE_CHECKING:
    from collections.abc import Iterator

RANDOM = Random(1)
LONG = "".join(chr(RANDOM.randint(0x4E00, 0x9FFF)) for _ in range(LONGEST_KEY))
"""Nothing that a server could make shorter."""


@pytest.fixture
def core(database_url: str) -> Iterator[Core]:
    """The methods on a server's database."""
    store = PostgresStore.open(database_url)
    yield Core(store)
    store.close()


def lock(key: str) -> tuple[str, dict[str, Any]]:
    """The request for a lock."""
    return "AcquireResourceLock", {"resource_key": key, "owner": "worker-1", "ttl_secs": 60}


def wish(key: str) -> tuple[str, dict[str, Any]]:
    """The request for a task whose node wishes to hold a lock."""
    return "RegisterTask", {"goal": "g", "initial_nodes": [{"locks": [key]}]}


@pytest.mark.parametrize("request_for", [lock, wish])
@pytest.mark.parametrize(
    ("text", "why"), [("a\0b", "U+0000"), (LONG, "too long for an index")], ids=["nul", "long"]
)
def test_a_text_that_cannot_be_kept(core: Core, request_for: Any, text: str, why: str) -> None:
    """The request that brings it is refused, and those in the same commit are done."""
    before, refused, after = core.batch(request_for("a"), request_for(text), request_for("b"))
    assert isinstance(refused, StorageError)
    assert why in refused.message
    assert refused.message.endswith("nothing of this request is recorded")
    assert not [each for each in (before, after) if isinstance(each, Exception)]
    assert core.faults == []
    held = [each["resource_key"] for each in core.do("ListResourceLocks")["locks"]]
    assert held == ([] if request_for is wish else ["a", "b"])


def test_a_question_with_such_a_text(core: Core) -> None:
    """A question is refused in the same words."""
    with pytest.raises(StorageError, match=r"U\+0000"):
        core.do("ListResourceLocks", prefix="a\0b")
