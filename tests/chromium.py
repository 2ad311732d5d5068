"""A real Chromium, without a window, for pages that are alive.

The rule this file keeps: it is Debian's, or whichever stands on PATH; where there is none, or the
extra `browser` is missing, what needs it is skipped, and says so by name.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Dialog, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_MS = 120_000
"""For what should come at once: the machine may be busy."""

_OPTIONS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]


def found_chromium() -> str:
    """The program. Skips the tests that need it where there is none."""
    pytest.importorskip("playwright", reason="the extra `browser` is not installed: playwright")
    found = (shutil.which(name) for name in NAMES)
    program = next((each for each in found if each), None)
    if program is None:
        pytest.skip("no Chromium is installed: `apt install chromium`")
    return program


@contextmanager
def chromium() -> Iterator[Browser]:
    """One, for all tests of a module."""
    program = found_chromium()
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_OPTIONS, *sandbox])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, link: str, *, runs_code: bool = True) -> Iterator[Page]:
    """A page of a browser of its own, that was let in. Fails where its code had a fault."""
    context = browser.new_context(java_script_enabled=runs_code)
    context.set_default_timeout(PATIENCE_MS)
    said: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        said.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", dismiss)
    try:
        page.goto(link)
        page.wait_for_selector("nav")
        yield page
    finally:
        context.close()
    assert said == []
