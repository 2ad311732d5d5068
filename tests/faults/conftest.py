"""Every experiment gets its laboratory, some a small disk; a run prints what was counted."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.faults.alone import in_the_room
from tests.faults.laboratory import Laboratory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNTED: dict[str, dict[str, int]] = {}
"""By experiment, what was counted: the figures of docs/reliability.md."""


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Laboratory:
    """The test's experiment."""
    options = request.config.option
    name = request.node.nodeid.rpartition("/")[2]
    laboratory = Laboratory(name, options.seed, soak=options.soak)
    request.node.user_properties.append((name, laboratory.counted))
    return laboratory


@pytest.fixture(autouse=True)
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """In a soak, where figures count, a test that is marked `alone` has the machine to itself."""
    if not request.config.option.soak:
        yield
        return
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each process has a folder of its own in that
        folder = folder.parent
    with in_the_room(folder, alone=request.node.get_closest_marker("alone") is not None):
        yield


@pytest.fixture
def small_home(home: Path) -> Iterator[Path]:
    """A home with room for 6 MiB; the test is left out where none can be made."""
    home.mkdir()
    options = ["-t", "tmpfs", "-o", "size=6m,mode=0700", "agentd-test", str(home)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False)  # noqa: S607
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield home
    subprocess.run(["umount", "-l", str(home)], check=True)  # noqa: S607


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Name the seed where an experiment fails: it is what repeats it."""
    try:
        yield
    except BaseException as error:
        if "lab" in getattr(item, "fixturenames", ()):
            error.add_note(f"repeat it with --seed {item.config.option.seed}")
        raise


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take what an experiment counted out of its report: another process may have made it."""
    if report.when == "teardown":
        COUNTED.update({name: cast("Any", what) for name, what in report.user_properties if what})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every experiment counted."""
    if not COUNTED:
        return
    terminalreporter.section("laboratory")
    for name, figures in COUNTED.items():
        counted = ", ".join(f"{number:,} {what}" for what, number in figures.items())
        terminalreporter.write_line(f"{name}: {counted}".replace("_", " "))
    COUNTED.clear()  # the laboratory of many machines has this hook, too
