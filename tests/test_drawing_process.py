"""The process that lays out graphs, and the layouts that are kept."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from agentd.ui.drawing import CannotDraw, Layouts, graph_of, layout_process
from agentd.ui.layout.place import place
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.drawing import alone, chain, drawn, fan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

SMALL = graph_of(drawn(fan(5)))
OTHER = graph_of(drawn(chain(3)))


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The ids of the processes that were started, oldest first."""
    file = tmp_path / "pids"
    file.touch()
    monkeypatch.setenv("PIDS", str(file))
    monkeypatch.setattr(layout_process, "CHILD", "tests.drawing_child")
    return lambda: [int(line) for line in file.read_text().split()]


def run(use: Callable[[Layouts], Awaitable[None]], patience: float = PATIENCE_SECONDS) -> None:
    """Use layouts, and close them."""

    async def whole() -> None:
        layouts = Layouts(patience)
        try:
            await asyncio.wait_for(use(layouts), PATIENCE_SECONDS)
        finally:
            await layouts.close()

    asyncio.run(whole())


def test_a_layout_is_made_once_and_kept() -> None:
    """It is what the process says, whoever asks, and there at once from then on."""

    async def use(layouts: Layouts) -> None:
        assert layouts.kept(SMALL) is None
        first, second = await asyncio.gather(layouts.of(SMALL), layouts.of(SMALL))
        assert first is second is layouts.kept(SMALL)
        assert first.placed == place(5, SMALL.edges)
        assert first.graph == SMALL
        assert layouts.kept(OTHER) is None

    run(use)


def test_one_process_lays_out_one_graph_after_the_other(pids: Callable[[], list[int]]) -> None:
    """It starts with the first question, answers many, and ends with what started it."""

    async def use(layouts: Layouts) -> None:
        assert pids() == []
        await asyncio.gather(*(layouts.of(graph_of(drawn(alone(n)))) for n in range(1, 30)))

    run(use)
    (only,) = pids()
    with pytest.raises(ProcessLookupError):
        os.kill(only, 0)


def test_who_no_longer_waits_takes_the_layout_from_nobody() -> None:
    """A page that is closed while its graph is laid out leaves the layout to the others."""

    async def use(layouts: Layouts) -> None:
        gone = asyncio.create_task(layouts.of(SMALL))
        stays = asyncio.create_task(layouts.of(SMALL))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).graph == SMALL
        assert gone.cancelled()

    run(use)


def test_a_process_that_died_is_followed_by_another(pids: Callable[[], list[int]]) -> None:
    """Who asks next notices nothing."""

    async def use(layouts: Layouts) -> None:
        await layouts.of(SMALL)
        os.kill(pids()[0], signal.SIGKILL)
        assert (await layouts.of(OTHER)).graph == OTHER

    run(use)
    assert len(pids()) == 2


@pytest.mark.parametrize(
    ("way", "told"),
    [("garbage", "cannot be read"), ("deaf", "took more than"), ("dies", "exit code 7")],
)
def test_who_asks_is_told_why_there_is_no_drawing(
    way: str, told: str, pids: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lies, hangs or dies is gone then."""
    monkeypatch.setenv("WAY", way)

    async def use(layouts: Layouts) -> None:
        with pytest.raises(CannotDraw, match=told):
            await layouts.of(SMALL)
        for pid in pids():
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    run(use, patience=0.5 if way == "deaf" else PATIENCE_SECONDS)


def test_a_failure_is_not_kept(
    pids: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be laid out once is tried again when it is asked for again."""
    monkeypatch.setenv("WAY", "dies")

    async def use(layouts: Layouts) -> None:
        with pytest.raises(CannotDraw):
            await layouts.of(SMALL)
        monkeypatch.delenv("WAY")
        assert (await layouts.of(SMALL)).graph == SMALL

    run(use)
    assert len(pids()) == 2


def test_what_is_missing_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is not there, its name and the extra's are said."""
    monkeypatch.setattr(layout_process, "find_spec", lambda _: None)

    async def use(layouts: Layouts) -> None:
        with pytest.raises(CannotDraw, match="fast-sugiyama, of the extra `web`"):
            await layouts.of(SMALL)

    run(use)


def test_a_layout_that_nobody_waits_for_ends_by_itself() -> None:
    """The system's alarm ends a layout that takes too long, whatever the library holds."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.drawing_child"],
        cwd=REPOSITORY,
        env={**os.environ, "WAY": "asleep"},
        input=msgspec.json.encode((1, [], 0.5)) + b"\n",
        capture_output=True,
        check=False,
    )
    assert child.returncode == -signal.SIGALRM


ASKS = """
import asyncio
from agentd.ui.drawing import Layouts, graph_of
from tests.drawing import drawn, fan

async def main():
    await Layouts().of(graph_of(drawn(fan(5))))
    print("drawn", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_process_ends_with_who_asks() -> None:
    """A server that is killed leaves nobody behind."""
    with subprocess.Popen(
        [sys.executable, "-c", ASKS], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        assert asking.stdout is not None
        assert asking.stderr is not None
        assert asking.stdout.readline() == b"drawn\n"
        asking.kill()
        assert asking.stderr.read() == b""  # its end comes when both have closed it


def test_the_process_is_there_at_once() -> None:
    """It imports neither the client nor what serves pages: nobody waits for those."""
    heavy = ["asyncio", "agentd.client", "agentd.live", "agentd.ui.drawing", "starlette"]
    told = f"import sys, agentd.ui.layout.child; print([n for n in {heavy} if n in sys.modules])"
    asked = [sys.executable, "-c", told]
    child = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, check=True)
    assert child.stdout == b"[]\n"
