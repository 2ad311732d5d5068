"""Every experiment gets its laboratory; a run prints what was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.laboratory import COUNTED, Laboratory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Laboratory:
    """The test's experiment."""
    options = request.config.option
    name = request.node.nodeid.rpartition("/")[2]
    return Laboratory(name, options.seed, soak=options.soak)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Name the seed where an experiment fails: it is what repeats it."""
    try:
        yield
    except BaseException as error:
        if "lab" in getattr(item, "fixturenames", ()):
            error.add_note(f"repeat it with --seed {item.config.option.seed}")
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every experiment counted."""
    if not COUNTED:
        return
    terminalreporter.section("laboratory")
    for name, figures in COUNTED.items():
        counted = ", ".join(f"{number:,} {what}" for what, number in figures.items())
        terminalreporter.write_line(f"{name}: {counted}".replace("_", " "))
