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


def test_boxes_that_are_drawn() -> None:
    """They are listed, wherever they stand: nothing that waits to be done is passed over."""
    shown = read("- [ ] a ☐\n- ☐ b\n  ☑ c\n\n☒ d\n\n| e | ☐ f |\n|---|---|\n| g | h ☐ |\n")
    assert shown.needs == {"a ☐": []}
    assert [each.line for each in shown.plan.not_taken] == [2, 3, 5, 7]


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


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        ("- [] a", None),
        ("- [  ] a", None),
        ("- [ x ] a", "COMPLETED"),
        ("- [x]a", "COMPLETED"),
        ("1) [ ]a", None),
    ],
)
def test_boxes_as_people_write_them(line: str, ended: str | None) -> None:
    """With a blank too many or too few, none in the box or none behind it."""
    shown = read(f"{line}\n")
    assert shown.needs == {"a": []}
    assert shown.node("a").ended == ended
    assert not shown.not_taken


@pytest.mark.parametrize("line", ["- [x](to)", "- [ ][to]", "- [x]: to", "- []", "- [wip] a"])
def test_what_looks_like_a_box(line: str) -> None:
    """A link, its target, and words in brackets are none."""
    assert [*read(f"- [ ] b\n{line}\n").needs] == ["b"]


def test_boxes_that_make_no_item_are_told() -> None:
    """In a paragraph, a table, an indented block, or HTML; not in code, and not in a comment."""
    shown = read(
        "- [ ] a\n  [ ] b\n\n[] c\n\n-[x] d\n\n| [ ] | e |\n\n    - [ ] f\n\n<p>\n- [ ] g\n</p>\n\n"
        "```\n- [ ] h\n```\n\n<!--\n- [ ] i\n-->\n\n[x] is `[ ]`, [x](to) and [ ]\n"
    )
    assert shown.needs == {"a": []}
    assert [each.line for each in shown.plan.not_taken] == [2, 4, 6, 8, 10, 13, 24]
    table = (
        "- [ ] a\n\n| what | done |\n|---|---|\n| b | - [ ] |\n| c | * [x] now |\n| d | - [y] |\n"
    )
    assert [each.line for each in read(table).plan.not_taken] == [5, 6]
    (told,) = faults("# a\n\n-[ ] b\n", "markdown")
    assert told.endswith("the one on line 3 is no item of a list")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("**Ship** it (`make ship`)", "Ship it (make ship)"),
        ("see [the page](https://example.org/a) ![a picture](x.png)", "see the page a picture"),
        ("~~gone~~ \\*now\\* &amp; then <b>x</b>", "gone *now* & then <b>x</b>"),
        ("snake_case_name of Vec<T> <!-- id 7 -->", "snake_case_name of Vec<T>"),
        ("<https://example.org>", "https://example.org"),
        ("`` ` ``", "`"),
        ("**", "**"),
        ("<!-- only -->", "<!-- only -->"),
    ],
)
def test_a_name_is_what_people_see(text: str, name: str) -> None:
    """Without the signs of Markdown; what was written is the title."""
    shown = read(f"# {text}\n- [ ] {text}\n", "markdown")
    assert [*shown.needs] == [name]
    assert shown.payload(name)["title"] == text
    assert shown.plan.goal == name


def test_front_matter() -> None:
    """It is no heading, and its lines are counted; a rule is no front matter."""
    shown = read("---\ntitle: T\ntags: [a]\n---\n\n- [?] a\n", "markdown")
    assert "section" not in shown.payload("a")
    assert shown.not_taken == {"the item": 6}
    assert read("---\r\ntitle: T\r\n---\r\n- [?] a\r\n", "markdown").not_taken == {"the item": 4}
    assert [*read("---\n- [ ] a\n\n---\n- [ ] b\n", "markdown").needs] == ["a", "b"]
