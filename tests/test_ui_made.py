"""Pages that many look at are made once for each change."""

import asyncio

from agentd.ui.pages.page import Made


def test_a_page_is_made_once_for_each_change() -> None:
    """However many ask at a time; each gets it as it is after all changes up to then."""

    async def ask_twenty_times() -> list[str]:
        made, version, times = Made(), 1, 0

        async def make() -> str:
            nonlocal times
            times += 1
            await asyncio.sleep(0)
            return f"{version} made {times}"

        first = await asyncio.gather(*(made.page("/", lambda: version, make) for _ in range(20)))
        version = 2
        later = await asyncio.gather(*(made.page("/", lambda: version, make) for _ in range(20)))
        return [*set(first), *set(later), await made.page("/other", lambda: version, make)]

    assert asyncio.run(ask_twenty_times()) == ["1 made 1", "2 made 2", "2 made 3"]


def test_a_page_that_could_not_be_made_is_made_anew() -> None:
    """What went wrong for one goes wrong for nobody else."""

    async def ask() -> str:
        made, faults = Made(), [ValueError()]

        async def make() -> str:
            if faults:
                raise faults.pop()
            return "made"

        first = await asyncio.gather(made.page("/", lambda: 1, make), return_exceptions=True)
        assert isinstance(first[0], ValueError)
        return await made.page("/", lambda: 1, make)

    assert asyncio.run(ask()) == "made"


def test_few_pages_are_kept() -> None:
    """Whoever asks for ever other pages fills no memory."""

    async def ask() -> int:
        made, times = Made(), 0

        async def make() -> str:
            nonlocal times
            times += 1
            return "made"

        for number in range(1_000):
            await made.page(f"/{number}", lambda: 1, make)
        await made.page("/0", lambda: 1, make)
        return times

    assert asyncio.run(ask()) == 1_001
