"""The pages of `agentd ui` in a real Chromium: alive, safe, and within everybody's reach."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.chromium import chromium, found_chromium, opened
from tests.daemon_process import DaemonProcess, temporary_home
from tests.ui_picture import MOST_BYTES, PLACE, taken_by
from tests.ui_process import UiProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

MARKUP = (
    "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>\"><svg onload=alert(1)>"
)
HOSTILE = f"{MARKUP}\u202e\u05d0\u05d1\x1b[31m\u2028{'W' * 3_000}"
BURST = 6_000
"""Events: more than a viewer reads one by one."""


class Stage(NamedTuple):
    """A daemon, its pages, and a browser."""

    daemon: DaemonProcess
    ui: UiProcess
    browser: Browser

    def call(self, method: str, **params: Any) -> Any:
        """Have the daemon do something."""
        with self.daemon.connect() as connection:
            return connection.call(method, **params)

    def register(self, goal: str, *nodes: dict[str, Any], **fields: Any) -> str:
        """A new task."""
        task: str = self.call("RegisterTask", goal=goal, initial_nodes=nodes, **fields)["task_id"]
        return task

    def at(self, path: str) -> str:
        """Where a page is."""
        return f"http://127.0.0.1:{self.ui.port}{path}"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One of each for all tests here: they keep to tasks of their own."""
    found_chromium()
    with (
        temporary_home() as home,
        DaemonProcess(home) as daemon,
        UiProcess(home, "--allow-actions") as ui,
        chromium() as browser,
    ):
        yield Stage(daemon, ui, browser)


@pytest.fixture
def page(stage: Stage) -> Iterator[Page]:
    """A browser of the test's own, that was let in."""
    with opened(stage.browser, stage.ui.another_link()) as found:
        yield found


def mark(page: Page) -> None:
    """Remember this page: one that was loaded again has forgotten."""
    page.evaluate("window.marked = true")


def is_marked(page: Page) -> bool:
    """Whether it was never loaded again."""
    return bool(page.evaluate("window.marked === true"))


def hold(stage: Stage, task: str, owner: str = "ann") -> dict[str, Any]:
    """Acquire the next node of a task."""
    held = stage.call("AcquireNextNode", task_id=task, lease_owner=owner)
    return {name: held[name] for name in ("task_id", "node_id", "lease_id")}


# Alive


def test_what_happens_is_seen(stage: Stage, page: Page) -> None:
    """In every tab, of which one listens for all: the states of nodes, and tasks that are new."""
    task = stage.register("Seen as it happens", {"name": "one"}, {"name": "two"})
    page.goto(stage.at(f"/tasks/{task}"))
    tabs = [page.context.new_page() for _ in range(7)]
    for tab in tabs:
        tab.goto(stage.at("/"))
        mark(tab)
    mark(page)
    lease = hold(stage, task)
    page.wait_for_selector("table.nodes tr.running >> text=one")
    stage.call("CompleteNode", **lease, result_payload={})
    page.wait_for_selector("table.nodes tr.completed >> text=one")
    page.wait_for_selector(".drawing .s-completed .label:has-text('one')")
    later = stage.register("Registered later")
    for tab in tabs:
        tab.wait_for_selector(f"a[href='/tasks/{later}']")
        tab.wait_for_selector(f"[data-key='{task}'] >> text=1 of 2 done")
        assert is_marked(tab)
    assert is_marked(page)


def test_what_is_being_done_stays(stage: Stage, page: Page) -> None:
    """While a page changes, what is typed, opened and focused stays as it is."""
    task = stage.register("Typed into", {"name": "one", "gate": {"ask": "Yes?"}}, {"name": "two"})
    page.goto(stage.at(f"/tasks/{task}"))
    page.click("summary:has-text('Pause')")
    page.fill("details[open] input[name=note]", "half a sen")
    hold(stage, task)
    page.wait_for_selector("table.nodes tr.running")
    assert page.input_value("details[open] input[name=note]") == "half a sen"
    assert page.evaluate("document.activeElement.name") == "note"


def test_a_burst_is_followed_by_what_is(stage: Stage, page: Page) -> None:
    """After more events than one reads the page shows what TaskStatus says, and was not loaded."""
    task = stage.register("A burst", {"name": "one"}, {"name": "two", "dependencies": ["one"]})
    page.goto(stage.at(f"/tasks/{task}"))
    page.wait_for_selector("table.nodes tr.runnable")
    mark(page)
    lease = hold(stage, task)
    with stage.daemon.connect() as connection:
        line = '{"method":"CommitEvent","params":{"task_id":"%s","node_id":"%s","lease_id":"%s"}}\n'
        line %= (task, lease["node_id"], lease["lease_id"])
        for _ in range(10):
            connection.send_raw(line.encode() * (BURST // 10))
            for _ in range(BURST // 10):
                connection.read_response()
    stage.call("CompleteNode", **lease, result_payload={})
    page.wait_for_selector("table.nodes tr.completed >> text=one")
    page.wait_for_selector("table.nodes tr.runnable >> text=two")
    assert is_marked(page)


def test_a_daemon_that_dies_and_comes_back(stage: Stage, page: Page) -> None:
    """The page says that it is away, and goes on by itself when it is back."""
    task = stage.register("Through a restart", {"name": "one"})
    page.goto(stage.at(f"/tasks/{task}"))
    page.wait_for_selector("table.nodes tr.runnable")
    mark(page)
    stage.daemon.kill()
    page.wait_for_selector("#banner:has-text('The daemon is away')")
    assert page.is_visible("table.nodes tr.runnable")
    stage.daemon.start()
    hold(stage, task)
    page.wait_for_selector("table.nodes tr.running")
    page.wait_for_selector("#banner", state="hidden")
    assert is_marked(page)


def test_a_server_that_hangs_or_is_another(stage: Stage) -> None:
    """A page says that nothing answers, goes on where it does, and tells who is not let in."""
    task = stage.register("Through a pause", {"name": "one"})
    home = stage.daemon.home
    with UiProcess(home) as ui, opened(stage.browser, ui.another_link()) as page:
        page.clock.install()
        page.goto(f"http://127.0.0.1:{ui.port}/tasks/{task}")
        page.wait_for_selector("table.nodes tr.runnable")
        mark(page)
        ui.send(signal.SIGSTOP)
        for _ in ("nothing is heard", "nothing is answered"):
            page.clock.fast_forward(20_000)
        page.wait_for_selector("#banner:has-text('does not answer')")
        ui.send(signal.SIGCONT)
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        page.wait_for_selector("#banner", state="hidden")
        assert is_marked(page)
        ui.kill()
        with UiProcess(home, "--port", str(ui.port)):
            page.clock.fast_forward(20_000)
            page.wait_for_selector("#banner:has-text('not let in any more')")


def test_the_picture_of_the_documents(stage: Stage, home: Path) -> None:
    """It can be made anew, and is no larger than a picture of a document may be."""
    with DaemonProcess(home):
        made = taken_by(stage.browser, home)
    for picture in (made, PLACE.read_bytes()):
        assert picture.startswith(b"\x89PNG")
        assert len(picture) <= MOST_BYTES


# What others wrote


def test_hostile_text_runs_nothing(stage: Stage, page: Page) -> None:
    """On no page, at no width: no script, and nothing beside the page."""
    task = stage.register(
        HOSTILE,
        {"name": MARKUP, "payload_schema": {"name": HOSTILE}},
        {"payload_schema": {"name": HOSTILE}, "dependencies": [MARKUP]},
        {"gate": {"ask": HOSTILE}},
        context={HOSTILE: HOSTILE},
        labels={MARKUP: MARKUP},
    )
    lease = hold(stage, task, HOSTILE)
    stage.call("CommitEvent", **lease, action_type=MARKUP, payload={"message": HOSTILE})
    stage.call("SetLimit", name=MARKUP, max_running=1)
    stage.call("CloseLimit", name=MARKUP, for_secs=900, reason=HOSTILE)
    stage.call("AcquireResourceLock", resource_key=HOSTILE, owner=HOSTILE)
    paths = ["/", "/inbox", "/journal", "/limits", "/workers", f"/tasks/{task}"]
    page.set_viewport_size({"width": 360, "height": 700})
    for path in [*paths, f"/tasks/{task}/nodes/{lease['node_id']}"]:
        page.goto(stage.at(path))
        for place in page.query_selector_all("[data-src]"):
            place.wait_for_selector(":scope > :not(.later)", state="attached")
        assert page.evaluate("window.ran") is None, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    stage.call("FailNode", **lease, error_payload={"message": HOSTILE})
    page.goto(stage.at(f"/tasks/{task}/nodes/{lease['node_id']}"))
    page.wait_for_selector("text=window.ran")
    assert page.evaluate("window.ran") is None


# Everybody's reach


def test_without_code_everything_works(stage: Stage) -> None:
    """A browser that runs no JavaScript looks, decides and goes back."""
    task = stage.register("Without code", {"name": "ask", "gate": {"ask": "Shall I?"}})
    with opened(stage.browser, stage.ui.another_link(), runs_code=False) as page:
        page.goto(stage.at("/inbox"))
        card = page.locator(".card", has_text="Without code")
        while card.count() == 0:  # the gate was opened just now
            page.reload()
        card.locator("summary", has_text="Approve").click()
        card.locator("details[open] input[name=note]").fill("by hand")
        with page.expect_navigation(url="**/inbox"):  # it is there already
            card.locator("button", has_text="Approve").click()
        assert page.locator(".card", has_text="Without code").count() == 0
        page.goto(stage.at(f"/tasks/{task}/nodes/ask"))
        assert '"note": "by hand"' in page.inner_text("main")
        page.goto(stage.at(f"/tasks/{task}"))
        page.click("text=Show the graph" if page.is_visible("text=Show the graph") else "h1")
        page.wait_for_selector(".drawing .s-completed .label:has-text('ask')")


@pytest.mark.parametrize(("scheme", "rules"), [("light", None), ("dark", ["color-contrast"])])
def test_nothing_serious_is_out_of_reach(
    stage: Stage, page: Page, scheme: Any, rules: list[str] | None
) -> None:
    """What axe-core finds of names, roles, order and contrast: nothing serious on any page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    task = stage.register(
        "Within reach",
        {"name": "one"},
        {"name": "two", "dependencies": ["one"]},
        {"name": "ask", "gate": {"ask": "Yes?"}},
        labels={"team": "core"},
    )
    stage.call("FailNode", **hold(stage, task), error_payload={"message": "no"})
    page.emulate_media(color_scheme=scheme)
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    paths = ["/", "/inbox", "/journal", "/limits", "/workers", "/nix", f"/tasks/{task}"]
    for path in [*paths, f"/tasks/{task}/nodes/one", f"/tasks/{task}/nodes/ask"]:
        page.goto(stage.at(path))
        for place in page.query_selector_all("[data-src]"):
            place.wait_for_selector(":scope > :not(.later)", state="attached")
        found = axe.run(page, options=options).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        told = [(each["id"], each["nodes"][0]["html"][:200]) for each in serious]
        assert told == [], path


def test_the_keyboard_leads_everywhere(stage: Stage, page: Page) -> None:
    """The first stop leads past the top; a node's page is a Tab and an Enter away from its row."""
    task = stage.register("By keyboard", {"name": "one"})
    page.goto(stage.at(f"/tasks/{task}"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("table.nodes th a")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tasks/{task}/nodes/*")
