"""Drawings in a real Chromium: moving about in them, with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import agentd.ui
from agentd.ui.drawing import Layout, graph_of, graph_svg
from agentd.ui.layout.place import place
from tests.chromium import PATIENCE_MS, chromium
from tests.drawing import drawn, fan, layers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

STATIC = Path(agentd.ui.__file__).parent / "static"
FRAME = ".drawing-frame"


def svg_of(count: int) -> str:
    """The drawing of so many nodes in layers."""
    nodes = drawn(layers(count))
    graph = graph_of(nodes)
    return graph_svg(Layout(graph, place(count, graph.edges)), nodes)


SMALL, LARGE = svg_of(6), svg_of(150)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Iterator[Page]:
    """A page that each test fills anew."""
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    page.set_default_timeout(PATIENCE_MS)
    yield page
    page.close()


def show(page: Page, svg: str, *, is_alive: bool = True) -> Page:
    """A page with a drawing between two links."""
    style = (STATIC / "drawing.css").read_text(encoding="utf-8")
    page.set_content(
        f"<!doctype html><html lang='en'><title>t</title><style>{style}</style><main>"
        f"<a id='before' href='#'>before</a><div class='drawing-frame'>{svg}</div>"
        "<a id='after' href='#'>after</a></main>"
    )
    if is_alive:
        page.add_script_tag(type="module", content=(STATIC / "graph.js").read_text("utf-8"))
        page.wait_for_selector(f"{FRAME}.moves")
    return page


def view(page: Page) -> tuple[float, ...]:
    """What of the drawing is in the frame: left, top, width, height."""
    box = page.eval_on_selector(f"{FRAME} > svg", "svg => svg.getAttribute('viewBox')")
    return tuple(map(float, box.split()))


def replace(page: Page, svg: str) -> None:
    """A newer drawing takes the place of the one that is there."""
    page.eval_on_selector(
        f"{FRAME} > svg",
        """(svg, markup) => {
            svg.outerHTML = markup;
            return new Promise((seen) => setTimeout(seen));
        }""",
        svg,
    )


def focused(page: Page) -> str | None:
    """Where the link that has the focus leads to."""
    href: str | None = page.evaluate("document.activeElement.getAttribute('href')")
    return href


def test_without_javascript_a_drawing_scrolls(pages: Page) -> None:
    """It has its own size in a frame that is as wide as the page."""
    page = show(pages, LARGE, is_alive=False)
    inside, outside = page.eval_on_selector(FRAME, "f => [f.scrollWidth, f.clientWidth]")
    assert inside > outside
    width = re.search(r' width="(\d+)"', LARGE)
    assert width is not None
    assert inside == int(width[1])


def test_a_small_drawing_is_shown_whole(pages: Page) -> None:
    """In its own size, in the middle."""
    page = show(pages, SMALL)
    left, top, width, height = view(page)
    frame = page.eval_on_selector(FRAME, "f => [f.clientWidth, f.clientHeight]")
    assert [width, height] == frame
    assert left < 0 >= top


def test_keys_and_buttons_move_it(pages: Page) -> None:
    """Plus and minus zoom, arrows move, 0 shows all of it; the buttons do the same."""
    page = show(pages, LARGE)
    begin = view(page)
    page.focus(FRAME)
    page.keyboard.press("ArrowRight")
    assert view(page)[0] > begin[0]
    page.keyboard.press("ArrowLeft")
    assert view(page) == pytest.approx(begin)
    page.keyboard.press("+")
    nearer = view(page)
    assert nearer[2] < begin[2]
    page.keyboard.press("-")
    assert view(page) == pytest.approx(begin)
    page.click("button[aria-label='Zoom in']")
    assert view(page) == pytest.approx(nearer)
    page.click("button[aria-label='Show all']")
    left, top, width, height = view(page)
    size = [float(number) for number in re.findall(r' (?:width|height)="(\d+)"', LARGE)[:2]]
    assert left <= 0 >= top
    assert left + width >= size[0]
    assert top + height >= size[1]


def test_the_wheel_zooms_where_it_is(pages: Page) -> None:
    """What is under the pointer stays there."""
    page = show(pages, LARGE)
    frame = page.eval_on_selector(FRAME, "f => (({x, y}) => [x, y])(f.getBoundingClientRect())")
    left, top, width, _ = view(page)
    page.mouse.move(frame[0] + 300, frame[1] + 200)
    page.mouse.wheel(0, -150)
    page.wait_for_function(
        f"document.querySelector('{FRAME} > svg').viewBox.baseVal.width < {width - 1}"
    )
    near_left, near_top, near_width, _ = view(page)
    clear = page.eval_on_selector(FRAME, "f => f.clientWidth")
    scale, near = clear / width, clear / near_width
    # The frame's border is a pixel wide.
    assert left + 299 / scale == pytest.approx(near_left + 299 / near, abs=2)
    assert top + 199 / scale == pytest.approx(near_top + 199 / near, abs=2)


def test_a_drag_is_no_click(pages: Page) -> None:
    """Dragging moves the drawing, also where it begins on a link; a click follows the link."""
    page = show(pages, SMALL)
    page.evaluate("addEventListener('click', (e) => { e.preventDefault(); window.clicked = true })")
    box = page.locator(f"{FRAME} a").first.bounding_box()
    assert box is not None
    x, y = box["x"] + 30, box["y"] + 10
    begin = view(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y - 40, steps=3)
    page.mouse.up()
    left, top, width, height = view(page)
    assert (left, top, width, height) == pytest.approx(
        (begin[0] - 80, begin[1] + 40, begin[2], begin[3])
    )
    assert page.evaluate("window.clicked") is None
    page.locator(f"{FRAME} a").first.click()
    assert page.evaluate("window.clicked") is True


def test_a_newer_drawing_stays_where_one_was(pages: Page) -> None:
    """Place and focus are kept when it is replaced, and no focus is taken from elsewhere."""
    page = show(pages, LARGE)
    page.focus(FRAME)
    page.keyboard.press("+")
    for _ in range(5):
        page.keyboard.press("Tab")
    before, link = view(page), focused(page)
    assert link == "/nodes/n4"
    replace(page, LARGE)
    assert (view(page), focused(page)) == (before, link)
    page.focus("#after")
    page.evaluate("document.activeElement.blur()")
    replace(page, LARGE)
    assert (view(page), focused(page)) == (before, None)


def test_the_link_with_the_focus_is_in_sight(pages: Page) -> None:
    """Whoever goes through the nodes by key sees each."""
    page = show(pages, LARGE)
    page.focus("#after")
    for _ in ("0", "-", "+", "the last node"):
        page.keyboard.press("Shift+Tab")
    assert focused(page) == "/nodes/n149"
    assert page.evaluate(
        """() => {
            const link = document.activeElement.getBoundingClientRect();
            const frame = document.querySelector('.drawing-frame').getBoundingClientRect();
            return link.left >= frame.left && link.right <= frame.right
                && link.top >= frame.top && link.bottom <= frame.bottom;
        }"""
    )


def test_a_large_drawing_begins_where_something_happens(pages: Page) -> None:
    """What does not fit begins as large as can be read, with what runs or failed in sight."""
    nodes = drawn(fan(400))
    for node in nodes:
        node.state = "PENDING"
    nodes[333].state = "RUNNING"
    graph = graph_of(nodes)
    page = show(pages, graph_svg(Layout(graph, place(400, graph.edges)), nodes))
    _, top, width, height = view(page)
    frame = page.eval_on_selector(FRAME, "f => f.clientWidth")
    assert frame / width >= 0.6
    y = page.eval_on_selector(".s-running", "a => a.transform.baseVal[0].matrix.f")
    assert top < y < top + height
