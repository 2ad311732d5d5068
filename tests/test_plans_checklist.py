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
