"""A daemon that nobody writes to looks after its files, too."""

import asyncio

import pytest

from agentd.daemon.database_watch import DatabaseWatch
from agentd.errors import StorageError


class Files:
    """Files with a fault, or without."""

    fault = ""
    kind: type[Exception] = StorageError

    def check_files(self) -> None:
        """See `WatchedDatabase`."""
        if self.fault:
            raise self.kind(self.fault)


@pytest.mark.parametrize("kind", [StorageError, OSError])
def test_a_fault_is_told_once(caplog: pytest.LogCaptureFixture, kind: type[Exception]) -> None:
    """Each is told when it appears, and that it is over, a failing disk's as well."""
    files = Files()
    files.kind = kind

    async def looks() -> None:
        watch = DatabaseWatch(files)
        for files.fault in ("", "", "the WAL is gone", "the WAL is gone", "", "gone again"):
            watch.look()
            watch.stop()

    asyncio.run(looks())
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("ERROR", "the WAL is gone"),
        ("WARNING", "the database's files are back in their place"),
        ("ERROR", "gone again"),
    ]


def test_it_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look leads to the next, until the end."""
    monkeypatch.setattr("agentd.daemon.database_watch.SECONDS", 0)

    async def looks() -> int:
        seen = 0
        done = asyncio.Event()

        class Counted:
            def check_files(self) -> None:
                nonlocal seen
                seen += 1
                if seen == 3:
                    done.set()

        watch = DatabaseWatch(Counted())
        watch.start()
        await done.wait()
        watch.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(looks()) == 3
