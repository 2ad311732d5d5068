"""Checklists in Markdown: items with a box, what is nested below them, what is done."""

import pytest

from tests.plans import faults, read, read_example


def test_the_example() -> None:
    """An item waits for those below it; the first heading is the goal, the others sections."""
    shown = read_example("checklist.md")
    assert shown.plan.goal == "Move orchard to the new server"
    assert shown.needs == {
        "Order the server": [],
        "Set it up": ["Install Debian", "Restore last night's backup", "Certificates"],
        "Install Debian": [],
        "Restore last night's backup": [],
        "Certificates": ["Ask for them", "Install them"],
        "Ask for them": [],
        "Install them": [],
        "Switch the name over": [],
        "Tell everybody": [],
        "Keep the old server as a spare": [],
    }
    done = [node.key for node in shown.plan.nodes if node.ended == "COMPLETED"]
    assert done == ["Order the server", "Install Debian"]
    assert shown.payload("Restore last night's backup") == {
        "name": "Restore last night's backup",
        "title": "Restore last night's backup",
        "section": "Prepare",
        "description": "and compare the row counts",
    }
    assert [*shown.not_taken.values()] == [20]


def test_items_that_say_the_same() -> None:
    """They are numbered, in their order; a long one keeps its whole text in its payload."""
    shown = read("- [ ] test\n- [ ] test\n- [ ] test (2)\n- [ ] %s" % ("long " * 60))
    assert [*shown.needs][:3] == ["test", "test (3)", "test (2)"]
    name = [*shown.needs][3]
    assert len(name) <= 128
    assert shown.payload(name)["title"] == ("long " * 60).strip()


def test_what_is_no_item() -> None:
    """Lists without boxes, code, and boxes in a text are for people."""
    shown = read("- [ ] a\n- b\n  - [ ] c\n\n```\n- [ ] d\n```\n\nx [ ] e\n\n- [ ]\n- [link](to)\n")
    assert shown.needs == {"a": [], "c": []}


def test_nested_through_what_has_no_box() -> None:
    """What is below an item is below it, whatever stands between them."""
    text = "* [ ] a\n  * more\n    * [X] b\n    * [ ] c\n"
    assert read(text).needs == {"a": ["b", "c"], "b": [], "c": []}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# only text\n", "there is no item with a box"),
        ("- [ ] a\x07b\n", "has a control character in it (U+0007)"),
        ("> " * 1_000 + "- [ ] x\n", "nested too deeply"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    """In one line."""
    (fault,) = faults(text, "markdown")
    assert told in fault


def test_text_of_items_without_a_box_is_the_description_of_the_item_above() -> None:
    """Bullets, and code below them, tell of the item that they are nested in."""
    plan = read(
        "- [ ] Deploy\n  - see [the page](https://example.org)\n\n"
        "    ```sh\n    make deploy\n    ```\n"
        "  - [ ] Test\n- nothing of it\n"
    )
    assert plan.payload("Deploy")["description"] == (
        "see [the page](https://example.org)\n\nmake deploy"
    )
    assert plan.needs == {"Deploy": ["Test"], "Test": []}


def test_a_box_behind_an_empty_item_is_text() -> None:
    """An item that says nothing does not make an item of the paragraph behind the list."""
    assert [*read("- \n\n[ ] hello\n\n- [ ] a\n").needs] == ["a"]


def test_tabs_and_lines_behind_a_box() -> None:
    """A tab is a blank, and what stands on the next line is what the item says."""
    assert [*read("- [ ] a\tb\n- [ ] \n  c\n").needs] == ["a b", "c"]
