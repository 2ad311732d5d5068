"""A daemon that nobody writes to looks after its files, too."""

import asyncio

import pytest

from agentd.daemon.lookout import Lookout
from agentd.errors import StorageError


class Files:
    """Files with a fault, or without."""

    fault = ""
    kind: type[Exception] = StorageError

    def look(self) -> None:
        """See `Looked`."""
        if self.fault:
            raise self.kind(self.fault)


@pytest.mark.parametrize("kind", [StorageError, OSError])
def test_a_fault_is_told_once(caplog: pytest.LogCaptureFixture, kind: type[Exception]) -> None:
    """Each is told when it appears, and that it is over, a failing disk's as well."""
    files = Files()
    files.kind = kind

    async def looks() -> None:
        lookout = Lookout(files)
        for files.fault in ("", "", "the WAL is gone", "the WAL is gone", "", "gone again"):
            lookout.look()
            lookout.stop()

    asyncio.run(looks())
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [
        ("ERROR", "the WAL is gone"),
        ("WARNING", "the database's files are back in their place"),
        ("ERROR", "gone again"),
    ]


def test_it_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look leads to the next, until the end."""
    monkeypatch.setattr("agentd.daemon.lookout.SECONDS", 0)

    async def looks() -> int:
        seen = 0
        done = asyncio.Event()

        class Counted:
            def look(self) -> None:
                nonlocal seen
                seen += 1
                if seen == 3:
                    done.set()

        lookout = Lookout(Counted())
        lookout.look()
        await done.wait()
        lookout.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return seen

    assert asyncio.run(looks()) == 3
