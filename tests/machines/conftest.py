"""Every experiment gets its laboratory; a run prints what was counted."""

from tests.faults.conftest import (
    lab,
    pytest_runtest_call,
    pytest_runtest_logreport,
    pytest_terminal_summary,
)

__all__ = ["lab", "pytest_runtest_call", "pytest_runtest_logreport", "pytest_terminal_summary"]
