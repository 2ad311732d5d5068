"""Workflows of Dagu: steps, what they wait for, and what somebody has to say first."""

import pytest

from tests.plans import faults, read, read_example


def test_the_example() -> None:
    """A graph with items, a condition for all of it, a person's task, and a second workflow."""
    shown = read_example("dagu.yaml")
    before = "the workflow: preconditions"
    assert shown.needs == {
        before: [],
        "fetch": [before],
        "clean": ["fetch"],
        "shards[0]": ["fetch"],
        "shards[1]": ["fetch"],
        "shards[2]": ["fetch"],
        "review": ["shards[0]", "shards[1]", "shards[2]", "clean"],
        "publish: preconditions": ["review"],
        "publish": ["publish: preconditions"],
    }
    assert shown.plan.goal == "nightly-index"
    assert shown.payload("shards[1]")["item"] == "i-q"
    assert shown.asked["review"] == "Does the new index answer the sample queries?"
    assert shown.asked[before].endswith("this holds: `date +%u` is re:[1-5]")
    retry = shown.node("fetch").settings["retry"]
    assert (retry.max_attempts, retry.backoff_secs, retry.factor) == (4, 30, 2)
    assert shown.node("fetch").settings["timeout_secs"] == 900
    assert shown.node("clean").settings == {"on_failure": "continue"}
    places = ["schedule", "max_active_steps", "steps[2].parallel.max_concurrent", "handler_on"]
    assert [*shown.not_taken] == [*places, "[1]"]


@pytest.mark.parametrize(
    ("plan", "needs"),
    [
        ("steps: [{name: a}, {name: b}]", {"a": [], "b": ["a"]}),
        ("type: chain\nsteps: [{name: a}, {name: b}]", {"a": [], "b": ["a"]}),
        ("type: graph\nsteps: [{name: a}, {name: b}]", {"a": [], "b": []}),
        ("steps: [{name: a, depends: b}, {name: b}]", {"a": ["b"], "b": []}),
        ("steps: [make, {id: b, name: B}]", {"step-1": [], "b": ["step-1"]}),
        (
            "steps: [x, {name: step-1}, {run: y}, {id: step-2}]",
            {"step-3": [], "step-1": ["step-3"], "step-5": ["step-1"], "step-2": ["step-5"]},
        ),
        ("steps: {a: {run: x}, b: {depends: a}}", {"a": [], "b": ["a"]}),
        (
            "type: chain\nsteps: [{name: a}, [{name: b}, {name: c}], {name: d}]",
            {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]},
        ),
        (
            "type: graph\nsteps: [{id: a, name: The first}, {id: b, depends: The first}]",
            {"a": [], "b": ["a"]},
        ),
        ("type: graph\nsteps: [{id: a, name: a}, {id: b, depends: a}]", {"a": [], "b": ["a"]}),
        (
            "steps: [{name: router-a, args: [depends]}, {name: b}]",
            {"router-a": [], "b": ["router-a"]},
        ),
        (
            '{"steps": [{"run": "x"}, {"name": "step-1", "run": "y"}]}',
            {"step-2": [], "step-1": ["step-2"]},
        ),
        (
            "type: chain\nsteps: [{name: a}, {name: b, parallel: []}, {name: c}]",
            {"a": [], "c": ["a"]},
        ),
        (
            "type: chain\nsteps: [{name: a}, {name: b, parallel: [], approval: {}}, {name: c}]",
            {"a": [], "b: approval": ["a"], "c": ["b: approval"]},
        ),
    ],
)
def test_the_order(plan: str, needs: dict[str, list[str]]) -> None:
    """A chain runs one step after the other, a graph as it says; a name and an id mean the same."""
    assert read(plan).needs == needs


def test_a_chain_that_is_assumed_is_told() -> None:
    """Where neither `type` nor `depends` says it, versions of Dagu differ."""
    assert read("steps: [{name: a}, {name: b}]").not_taken == {"steps": 1}
    assert not read("steps: [{name: a}]").not_taken


def test_an_approval_stands_behind_its_step() -> None:
    """Who waits for the step waits for what somebody says of it."""
    shown = read("steps:\n - {name: a, approval: {prompt: Good?}}\n - {name: b, depends: a}")
    assert shown.needs == {"a": [], "a: approval": ["a"], "b": ["a: approval"]}
    assert shown.asked == {"a: approval": "Good?"}


def test_older_names_of_fields() -> None:
    """What was written for an earlier Dagu means the same."""
    shown = read(
        "steps:\n - {name: a, retryPolicy: {limit: 2, intervalSec: 5}, timeoutSec: 9,"
        " continueOn: {failure: true, exitCode: [3]}, repeatPolicy: {repeat: true}}"
    )
    settings = shown.node("a").settings
    assert (settings["retry"].max_attempts, settings["timeout_secs"]) == (3, 9)
    assert settings["on_failure"] == "continue"
    assert {*shown.not_taken} == {"steps[0].continueOn.exitCode", "steps[0].repeatPolicy"}


def test_going_on_behind_a_step_that_was_skipped() -> None:
    """Only a failure has a counterpart; the rest is listed, in one word as in an object."""
    for skipped in ("skipped", "{skipped: true}"):
        shown = read(f"steps:\n - {{name: a, command: x, continueOn: {skipped}}}")
        assert "on_failure" not in shown.node("a").settings
        assert [each.why for each in shown.plan.not_taken] == [
            "only `failure` has a counterpart: `on_failure`"
        ]


def test_what_cannot_be_known_is_refused_by_name() -> None:
    """Steps that are made while it runs, and a model that chooses them; all of it at once."""
    told = faults(
        "type: agent\nsteps:\n"
        " - {name: a, parallel: '${LIST}'}\n"
        " - {name: b, foreach: {items: [1], steps: []}}\n"
        " - {name: c, depends: [d]}\n"
    )
    assert [fault.partition(":")[0] for fault in told] == ["line 1", "line 3", "line 4", "line 5"]
    for fault, words in zip(told, ("`type`", "`parallel`", "`foreach`", "waits for"), strict=True):
        assert words in fault


def test_a_step_of_a_chain_that_depends_on_nothing() -> None:
    """It says so, and waits for nobody."""
    plan = "type: chain\nsteps: [{name: a}, {name: b, depends: []}, {name: c}]"
    assert read(plan).needs == {"a": [], "b": [], "c": ["b"]}


def test_what_is_assumed_of_a_graph_is_told() -> None:
    """Versions of Dagu differ in what a step without `depends` waits for."""
    assert read("steps: [{name: a}, {name: b, depends: a}, {name: c}]").not_taken == {"steps": 1}


def test_steps_that_a_router_chooses() -> None:
    """They wait for it, and for somebody who says whether its value is theirs."""
    shown = read(
        "type: graph\nsteps:\n"
        " - {id: pick, action: router.route,"
        " with: {value: '${X}', routes: {ok: [a], 're:^e': [b]}}}\n"
        " - {id: a, run: a}\n"
        " - {name: b, run: b, depends: [z], preconditions: test -f x}\n"
        " - {id: z, run: z}\n"
    )
    assert shown.needs == {
        "pick": [],
        "a: preconditions": ["pick"],
        "a": ["a: preconditions"],
        "b: preconditions": ["z", "pick"],
        "b": ["b: preconditions"],
        "z": [],
    }
    assert shown.asked["b: preconditions"].endswith("${X} is re:^e; and test -f x")
    assert {*shown.not_taken} == {"steps[0].with.routes"}


def test_routes_that_are_refused() -> None:
    """Who is named has to be there, and once."""
    told = faults(
        "type: graph\nsteps:\n"
        " - {name: r, type: router, value: x, routes: {a: [s, t], b: s}}\n"
        " - {name: s}\n - {type: router}\n"
    )
    assert len(told) == 3
    for words in ("'s' is named by more than", "names 't', and there is", "a router needs a name"):
        assert any(words in fault for fault in told)


def test_all_of_a_question_goes_along() -> None:
    """What a person is to fill in, how long there is, and what becomes of those behind it."""
    shown = read(
        "worker_selector: {gpu: 'true'}\nsteps:\n"
        " - {id: a, action: human.task, timeout_sec: 60, continue_on: failed,"
        " retry_policy: {limit: 2}, with: {prompt: Good?, required: [NAME]}}\n"
    )
    assert shown.payload("a")["with"] == {"prompt": "Good?", "required": ["NAME"]}
    settings = shown.node("a").settings
    assert (settings["gate"].timeout_secs, settings["on_failure"]) == (60, "continue")
    assert {*shown.not_taken} == {"worker_selector", "steps[0].retry_policy"}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("a b", ["a", "b"]),
        ("'a, b;c|\"d e\"'", ["a", "b", "c", "d e"]),
        ('\'[1, {"k": "v"}]\'', [1, {"k": "v"}]),
        ("{items: 'x y', max_concurrency: 2}", ["x", "y"]),
        ("[{k: v}, 2]", [{"k": "v"}, 2]),
    ],
)
def test_items_that_are_written_there(items: str, expected: list[object]) -> None:
    """As a list, or in one text as Dagu takes it apart."""
    shown = read(f"steps:\n - {{id: a, run: sub, parallel: {items}}}\n")
    assert [shown.payload(key)["item"] for key in shown.needs] == expected


@pytest.mark.parametrize("items", ["$LIST", "'${LIST}'", "'`ls`'", "{items: '$(ls)'}", "'  '"])
def test_items_that_are_not(items: str) -> None:
    """Nobody knows which nodes there are, or there are none."""
    (told,) = faults(f"steps:\n - {{id: a, run: sub, parallel: {items}}}\n")
    assert told.startswith("line 2: `parallel`: ")


def test_a_dependency_under_another_name() -> None:
    """It would be lost: the name that was meant is told, for each step."""
    told = faults("steps:\n - {name: a, dependsOn: b}\n - {name: b}\n - {id: c, waitFor: ['-']}\n")
    assert [each.partition(":")[0] for each in told] == ["line 2", "line 4"]
    assert all("says in `depends` what is waited for" in each for each in told)
    assert "`waitFor`" in told[1]


def test_documents_that_say_nothing() -> None:
    """An end that separates nothing makes no other workflow."""
    assert not read("---\nsteps: [a]\n---\n").not_taken
    (told,) = faults("---\n---\n", "dagu")
    assert told.endswith("expected a workflow, an object with `steps`, got null")


def test_how_often_a_workflow_runs() -> None:
    """A loop is listed, and so is what nobody here knows."""
    shown = read(
        "loop: {until: x, max_iterations: 5}\noverlapPolicy: skip\nMaxCleanUpTimeSec: 3\n"
        "env: []\nshedule: '1'\nsteps: [{name: a, mailOn: {failure: true}, label: x}]\n"
    )
    steps = {"steps[0].mailOn", "steps[0].label"}
    assert {*shown.not_taken} == {"loop", "overlapPolicy", "shedule", *steps}
    assert shown.payload("a")["label"] == "x"


def test_a_mapping_of_steps_is_a_chain_that_is_told() -> None:
    """As a list is."""
    assert read("steps: {a: {run: x}, b: {run: y}}").not_taken == {"steps": 1}


def test_what_holds_for_every_step() -> None:
    """Defaults are a step's own where it says nothing else; a question is asked once."""
    shown = read(
        "defaults: {timeout_sec: 9, retry_policy: {limit: 1}, continue_on: failed, env: [A: b]}\n"
        "steps:\n - make\n - {id: a, run: x, timeout_sec: 5}\n"
        " - {id: b, action: human.task, with: {prompt: 'Go?'}}\n"
    )
    first, second = shown.node("step-1").settings, shown.node("a").settings
    assert (first["timeout_secs"], second["timeout_secs"]) == (9, 5)
    assert first["retry"].max_attempts == second["retry"].max_attempts == 2
    question = shown.node("b").settings
    assert (question["gate"].timeout_secs, question["on_failure"]) == (None, "continue")
    assert {*shown.not_taken} == {"defaults.env", "steps"}
