"""What the store on a server promises beyond the contract: no failure leaves a lock or a half."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentd.errors import StorageFull, TaskNotFound
from agentd.projections import TASKS
from tests.core import Core, Ids, open_postgres, record_drafts, registration, uid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    made = Core(open_postgres(tmp_path))
    yield made
    made.store.close()


@pytest.mark.parametrize("where", ["tx.encode_changes", "tx.together"])
def test_a_transaction_that_cannot_be_ended_is_undone(
    core: Core, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What breaks on the way to the commit leaves nothing, and the next one has the lock."""

    def break_down(*_arguments: object) -> None:
        raise ZeroDivisionError

    core.register()
    with monkeypatch.context() as broken:
        broken.setattr(f"agentd.store.postgres.{where}", break_down)
        broken.setattr("agentd.store.postgres.writing._ALONE_AFTER", 10**9)  # others are told all
        with pytest.raises(ZeroDivisionError), core.store.write() as tx:
            record_drafts(tx, 1, registration(1, 1), new_id=Ids(5_000))
    core.register()
    with core.store.read() as reader:
        assert reader.last_seq() == 2
        assert reader.get(TASKS, (uid(1),)) is None


def test_a_question_that_is_refused_costs_no_connection(core: Core) -> None:
    """Whoever asks for what is not there has the next question asked over the same one."""
    with core.store.read() as reader:
        before = reader._session  # type: ignore[attr-defined]  # noqa: SLF001 - an engine's own
    with pytest.raises(TaskNotFound):
        core.do("TaskStatus", task_id=uid(9))
    with core.store.read() as reader:
        assert reader._session is before  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def test_a_disk_that_is_full_is_the_servers(core: Core) -> None:
    """Room on this machine would be of no use: it is said where some is needed."""
    full = "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    with (
        pytest.raises(StorageFull, match="the disk of the database's server is full"),
        core.store.write() as tx,
    ):
        tx._session.run((full, None))  # type: ignore[attr-defined]  # noqa: SLF001 - an engine's
    core.register()
