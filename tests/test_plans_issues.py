"""Task Master's tasks and Beads' issues: what is done, what is below what, and what was said."""

import json

from tests.plans import Shown, faults, read, read_example


def ended(shown: Shown) -> dict[str, str | None]:
    """How each node ended."""
    return {node.key: node.ended for node in shown.plan.nodes}


def test_the_tasks_of_task_master() -> None:
    """A task waits for its subtasks, these for what it depends on; what is done is COMPLETED."""
    shown = read_example("tasks.json")
    assert shown.needs == {
        "1": [],
        "2.1": ["1"],
        "2.2": ["1", "2.1"],
        "2.3": ["1", "2.1", "2.2"],
        "2": ["1", "2.1", "2.2", "2.3"],
        "3": ["2"],
        "4": ["1"],
    }
    assert shown.plan.goal == "Orchard, a tracker for fruit trees"
    done = {key: how for key, how in ended(shown).items() if how}
    assert done == {"1": "COMPLETED", "2.1": "COMPLETED", "4": "FAILED"}
    assert shown.payload("1")["testStrategy"] == "An empty test passes on the server"
    assert shown.node("2.2").settings == {"priority": 10}
    assert [*shown.not_taken.values()] == [21, 33]


def test_subtasks_of_what_was_cancelled() -> None:
    """There is nothing to be done for them either; what was done of them is."""
    subtasks = [{"id": 1, "title": "a", "status": "pending"}, {"id": 2, "status": "done"}]
    task = {"id": 1, "title": "t", "status": "cancelled", "subtasks": subtasks}
    shown = read(json.dumps({"tasks": [task]}))
    assert ended(shown) == {"1.1": "FAILED", "1.2": "COMPLETED", "1": "FAILED"}


def test_tags() -> None:
    """Several tags are one task, and each has its own numbers; one tag has them as they are."""
    tasks = {"tasks": [{"id": 1, "title": "a"}, {"id": 2, "title": "b", "dependencies": [1]}]}
    both = json.dumps({"master": tasks, "later": tasks, "note": "mine"})
    shown = read(both)
    assert shown.needs == {"master:1": [], "master:2": ["master:1"]} | {
        "later:1": [],
        "later:2": ["later:1"],
    }
    assert shown.not_taken == {"note": 1}
    assert [*read(json.dumps({"later": tasks})).needs] == ["1", "2"]
    assert [*read(json.dumps(tasks)).needs] == ["1", "2"]


def test_the_issues_of_beads() -> None:
    """A parent waits for its children; comments are events; what blocks nothing is told."""
    shown = read_example("beads.jsonl")
    assert shown.needs == {
        "orchard-7": ["orchard-7.1", "orchard-7.2"],
        "orchard-7.1": [],
        "orchard-7.2": ["orchard-7.1"],
        "orchard-8": [],
        "orchard-9": ["orchard-7", "orchard-8"],
    }
    closed = shown.node("orchard-7.1")
    assert closed.ended == "COMPLETED"
    assert closed.ended_at == "2026-02-02T15:00:00.123456+01:00"
    assert json.loads(bytes(closed.result or b"")) == {
        "status": "closed",
        "close_reason": "SQLite's FTS5 is enough",
    }
    (event,) = shown.plan.events
    assert (event.key, event.timestamp) == ("orchard-7.1", "2026-02-02T14:58:00Z")
    assert shown.node("orchard-8").settings == {"priority": 20}
    assert [*shown.not_taken.values()] == [4, 4, 6]
    assert shown.not_taken["[3].status"] == 4  # somebody is at it there, and here nobody
    (relation,) = shown.payload("orchard-8")["dependencies"]
    assert relation["type"] == "discovered-from"
    assert shown.payload("orchard-9")["id"] == "orchard-9"
    assert "dependencies" not in shown.payload("orchard-9")


def issue(key: str, *needs: tuple[str, str], **fields: object) -> str:
    """A line of an issue file."""
    dependencies = [{"depends_on_id": other, "type": kind} for other, kind in needs]
    return json.dumps({"id": key, "title": key, "dependencies": dependencies, **fields})


def test_what_blocks_a_parent_blocks_its_children() -> None:
    """As `bd ready` has it; but a child that blocks its parent does not wait for itself."""
    lines = [
        issue("e", ("x", "blocks"), ("e.1", "blocks")),
        issue("e.1"),
        issue("e.1.1"),
        issue("f", ("e", "parent-child")),
        issue("g", ("f", "parent-child")),
        issue("x"),
    ]
    shown = read("\n".join(lines))
    assert shown.needs["g"] == ["x", "e.1"]
    assert shown.needs["e.1"] == ["x", "e.1.1"]
    assert shown.needs["e.1.1"] == ["x"]
    assert shown.needs["e"] == ["x", "e.1", "f"]


def test_a_child_that_waits_for_what_it_is_below() -> None:
    """It never runs, which is a fault; where it is closed it did, and that is told."""
    lines = [
        issue("e"),
        issue("e.1", ("e", "blocks"), ("x", "blocks"), status="closed"),
        issue("x"),
    ]
    shown = read("\n".join(lines))
    assert (shown.needs["e.1"], shown.needs["e"]) == (["x"], ["e.1"])
    assert shown.not_taken == {"[1]": 2}
    (told,) = faults("\n".join((issue("e"), issue("e.1", ("e", "blocks")))))
    assert "what waits for itself never runs" in told


def test_what_runs_only_where_another_fails() -> None:
    """Nobody but a person can say so here."""
    shown = read(issue("a") + "\n" + issue("b", ("a", "conditional-blocks")))
    assert shown.needs["b"] == ["b: has a failed?"]
    assert [*shown.asked] == ["b: has a failed?"]


def test_issues_that_are_no_work() -> None:
    """Templates and messages are left out, and told; what they would block is free."""
    lines = [
        issue("t", is_template=True),
        issue("m", issue_type="message"),
        issue("a", ("m", "blocks")),
    ]
    shown = read("\n".join(lines))
    assert shown.needs == {"a": []}
    assert [each.line for each in shown.plan.not_taken] == [1, 2, 3]


def test_a_gate_of_beads() -> None:
    """What it waits for is nothing that a worker does: somebody says that it has come."""
    lines = [
        issue("g", title="CI", issue_type="gate", await_type="gh:run", await_id="12"),
        issue("a", ("g", "blocks")),
    ]
    shown = read("\n".join(lines))
    assert shown.needs["a"] == ["g"]
    assert shown.asked == {"g": "CI: has come what it waits for? gh:run 12"}


def test_what_another_project_has_to_bring() -> None:
    """One gate for all that wait for it: nobody here can know."""
    wanted = ("external:other:login", "blocks")
    shown = read("\n".join([issue("a", wanted), issue("b", wanted)]))
    assert shown.needs == {wanted[0]: [], "a": [wanted[0]], "b": [wanted[0]]}
    assert shown.asked == {wanted[0]: "external:other:login: is it there, in the other project?"}


def test_moments_and_priorities_that_are_none() -> None:
    """They are left out, and told."""
    shown = read(issue("a", status="closed", closed_at="yesterday", priority=9))
    assert shown.node("a").ended_at is None
    assert {*shown.not_taken} == {"[0].priority", "[0].closed_at"}
    zero = read(issue("a", status="closed", closed_at="0001-01-01T00:00:00Z"))
    assert (zero.node("a").ended_at, zero.not_taken) == (None, {})
    later = read(issue("a", defer_until="2027-01-01T00:00:00Z"))
    assert later.node("a").settings == {"not_before": "2027-01-01T00:00:00Z"}


def test_an_id_alone_is_what_blocks() -> None:
    """People write issues by hand, too, and order is what they mean."""
    lines = [
        '{"id": "a", "title": "a", "depends_on": ["b"]}',
        '{"id": "b", "title": "b", "dependencies": ["c"], "depends_on": []}',
        issue("c"),
    ]
    shown = read("\n".join(lines))
    assert shown.needs == {"a": ["b"], "b": ["c"], "c": []}
    assert "depends_on" not in shown.payload("a")


def test_blocking_relations_of_newer_releases() -> None:
    """What is to be merged first comes first; that any child would do there is told."""
    fanout = {"depends_on_id": "m", "type": "waits-for", "metadata": '{"gate":"any-children"}'}
    lines = [
        issue("a", ("m", "merge-blocks")),
        json.dumps({"id": "b", "title": "b", "dependencies": [fanout]}),
        issue("m"),
    ]
    shown = read("\n".join(lines))
    assert shown.needs == {"a": ["m"], "b": ["m"], "m": []}
    assert shown.not_taken == {"[1].dependencies[0]": 2}


def test_statuses() -> None:
    """Only what is closed is COMPLETED, and what says so in words of its own, which is told."""
    told = ["open", "closed", "done", "in_progress", "blocked", "hooked", "deferred", None]
    lines = [issue(f"i{at}", status=status) for at, status in enumerate(told)]
    shown = read("\n".join(lines))
    assert [key for key, how in ended(shown).items() if how == "COMPLETED"] == ["i1", "i2"]
    assert [*shown.not_taken.values()] == [3, 4, 5, 6, 7]


def test_parents() -> None:
    """Several are possible, and one may be told twice; one that is not there is told."""
    lines = [
        issue("a", ("p", "parent-child"), ("q", "parent-child"), ("q", "parent-child")),
        issue("b", ("gone", "parent-child")),
        issue("c", ("b", "parent")),
        issue("p", ("x", "blocks")),
        issue("q", ("y", "blocks")),
        issue("x"),
        issue("y"),
    ]
    shown = read("\n".join(lines))
    assert shown.needs["a"] == ["x", "y"]
    assert shown.needs["b"] == ["c"]
    assert (shown.needs["p"], shown.needs["q"]) == (["x", "a"], ["y", "a"])
    assert shown.not_taken == {"[1].dependencies[0]": 2}


def test_what_has_ended_waits_for_nothing() -> None:
    """That something it once waited for was removed since is told, and no fault; else it is one."""
    closed = issue("a", ("gone", "blocks"), ("b", "blocks"), status="closed")
    shown = read(closed + "\n" + issue("b"))
    assert shown.needs == {"a": ["b"], "b": []}
    assert shown.not_taken == {"[0]": 1}
    task = {"id": 1, "title": "t", "status": "done", "dependencies": [9]}
    shown = read(json.dumps({"tasks": [task]}))
    assert (shown.needs, shown.not_taken) == ({"1": []}, {"tasks[0]": 1})
    (told,) = faults(json.dumps({"tasks": [task | {"status": "pending"}]}))
    assert told == 'line 1: "1" waits for "9", and there is none'


def test_names_have_the_title() -> None:
    """Behind the id, on one line, and cut where it is long; ids are the keys nevertheless."""
    titles = ["two\nlines\u0007", "x" * 200, "", None]
    tasks = [{"id": at, "title": title} for at, title in enumerate(titles)]
    shown = read(json.dumps({"tasks": tasks}))
    short, long, *none = [node.name or "" for node in shown.plan.nodes]
    assert (short, none) == ("0 two lines", ["2", "3"])
    assert long.startswith("1 xxx")
    assert len(long) == 128
    assert shown.payload("0") == {"name": short, "id": 0, "title": titles[0]}
    assert [node.key for node in shown.plan.nodes] == ["0", "1", "2", "3"]


def test_what_is_below_a_task_that_is_done() -> None:
    """Task Master names nothing of it as what is next, so nobody works on it here; that is told."""
    below = [{"id": 1, "status": "pending"}, {"id": 2, "status": "done"}, {"id": 3}]
    task = {"id": 1, "title": "t", "status": "completed", "subtasks": below}
    shown = read(json.dumps({"tasks": [task]}))
    assert {*ended(shown).values()} == {"COMPLETED"}
    assert [*shown.not_taken] == ["tasks[0].subtasks[0]", "tasks[0].subtasks[2]"]


def test_whom_a_subtask_means() -> None:
    """A sibling by its number; a task where there is no such sibling, which is told."""
    below = [{"id": 1, "dependencies": [2, "4.1"]}, {"id": 2, "dependencies": [4, "build"]}]
    above = [{"id": 4, "subtasks": [{"id": 1}]}, {"id": "build"}]
    tasks = [{"id": 3, "title": "t", "subtasks": below}, *above]
    shown = read(json.dumps({"tasks": tasks}))
    assert shown.needs["3.1"] == ["3.2", "4.1"]
    assert shown.needs["3.2"] == ["4", "build"]
    assert [*shown.not_taken] == [f"tasks[0].subtasks[1].dependencies[{at}]" for at in (0, 1)]
    below[0]["dependencies"] = [3]
    shown = read(json.dumps({"tasks": tasks}))
    assert (shown.needs["3.1"], shown.not_taken["tasks[0].subtasks[0].dependencies[0]"]) == ([], 1)
    below[0]["dependencies"] = [7]
    assert faults(json.dumps({"tasks": tasks})) == [
        'line 1: "3.1" waits for "3.7", and there is none; did you mean "3.2"?'
    ]


def test_subtasks_of_subtasks() -> None:
    """They are below theirs as those are below a task."""
    leaf = [{"id": 1, "title": "x"}, {"id": 2, "title": "y", "dependencies": [1]}]
    below = [{"id": 1, "title": "a", "subtasks": leaf}, {"id": "1.2", "title": "b"}]
    shown = read(json.dumps({"tasks": [{"id": 1, "title": "t", "subtasks": below}]}))
    assert shown.needs == {
        "1.1.1": [],
        "1.1.2": ["1.1.1"],
        "1.1": ["1.1.1", "1.1.2"],
        "1.2": [],
        "1": ["1.1", "1.2"],
    }


def test_tags_beside_tasks() -> None:
    """A file that was written by both releases has the tasks of both."""
    tasks = {"tasks": [{"id": 1, "title": "a"}], "metadata": {"description": "old"}}
    later = {"tasks": [{"id": 1, "title": "b"}], "metadata": {"description": "new"}}
    shown = read(json.dumps({**tasks, "later": later}))
    assert [*shown.needs] == ["1", "later:1"]
    assert shown.plan.goal == "old"
    assert json.loads(bytes(shown.plan.context)) == {
        "metadata": tasks["metadata"],
        "later": {"metadata": later["metadata"]},
    }


def test_all_faults_at_once() -> None:
    """Each with its line, what is no JSON among them."""
    lines = (issue("a", ("z", "blocks")), "{oops", '{"title": "t"}', issue("b"), issue("b"))
    told = faults("\n".join(lines))
    assert [fault.partition(":")[0] for fault in told] == ["line 1", "line 2", "line 3", "line 5"]
