"""Airflow's DAGs, Argo's workflows and Tekton's pipelines."""

import json

import pytest

from agentd.plans.conditions import Condition, read_condition
from tests.plans import faults, read, read_example


def test_the_dag_of_airflow() -> None:
    """Who is downstream waits; retries, pools and time-outs are settings; a handler is left out."""
    shown = read_example("airflow.json")
    assert shown.needs == {
        "extract": [],
        "weigh": ["extract"],
        "count": ["extract"],
        "report": ["weigh", "count"],
    }
    settings = shown.node("extract").settings
    retry = settings["retry"]
    assert (retry.max_attempts, retry.backoff_secs, retry.max_backoff_secs) == (3, 60, 600)
    assert (settings["limits"], settings["timeout_secs"]) == (["warehouse"], 1800)
    assert shown.node("weigh").settings == {"priority": 5}
    assert shown.plan.own_id == "harvest_report"
    assert [*shown.not_taken.values()] == [9, 18, 19, 21, 22]


def airflow(*tasks: dict[str, object]) -> str:
    """A serialised DAG of these tasks."""
    return json.dumps({"__version": 1, "dag": {"_dag_id": "d", "fileloc": "f", "tasks": tasks}})


def test_defaults_of_airflow() -> None:
    """Airflow 3 writes once what most tasks say; a task's own word goes before."""
    dag = json.loads(airflow({"task_id": "a"}, {"task_id": "b", "retries": 0}))
    dag["client_defaults"] = {"tasks": {"retries": 2, "retry_delay": 5.0, "owner": "x"}}
    shown = read(json.dumps(dag))
    assert shown.node("a").settings["retry"].max_attempts == 3
    assert (shown.node("b").settings, "owner" in shown.payload("b")) == ({}, False)


def test_tasks_of_airflow_that_are_refused() -> None:
    """How many a mapped task is, is known in a run; and who is named has to be there."""
    told = faults(
        airflow(
            {"task_id": "a", "_is_mapped": True, "downstream_task_ids": []},
            {"task_id": "b", "downstream_task_ids": ["z"]},
        )
    )
    assert len(told) == 2
    assert "'a' cannot be imported: it is mapped" in told[0]
    assert "names 'z' as downstream" in told[1]


def test_groups_of_airflow_that_are_mapped() -> None:
    """They are refused as mapped tasks are, however deep they stand."""
    dag = json.loads(airflow({"task_id": "g.h.a"}))
    inner = {"_group_id": "g.h", "is_mapped": True, "children": {"a": ["operator", "g.h.a"]}}
    outer = {"_group_id": "g", "is_mapped": False, "children": {"h": ["taskgroup", inner]}}
    dag["dag"]["task_group"] = {"_group_id": None, "children": {"g": ["taskgroup", outer]}}
    (told,) = faults(json.dumps(dag))
    assert "the task group 'g.h' cannot be imported: it is mapped" in told


def test_what_is_downstream_of_a_task_that_is_left_out() -> None:
    """It waits for what that one waited for, where its rule lets it run; else it is a fault."""
    tasks: list[dict[str, object]] = [
        {"task_id": "a", "downstream_task_ids": ["mourn"]},
        {"task_id": "mourn", "trigger_rule": "one_failed", "downstream_task_ids": ["end"]},
        {"task_id": "end", "trigger_rule": "all_done"},
    ]
    assert read(airflow(*tasks)).needs == {"a": [], "end": ["a"]}
    del tasks[2]["trigger_rule"]
    (told,) = faults(airflow(*tasks))
    assert '"end" waits for "mourn", which is left out: its trigger rule' in told


def test_what_a_task_of_airflow_says_besides() -> None:
    """Branches, slots and callbacks have no counterpart, and are told."""
    task = {"task_id": "a", "task_type": "BranchPythonOperator", "pool_slots": 3}
    shown = read(airflow({**task, "has_on_retry_callback": True, "max_active_tis_per_dag": 1}))
    told = [each.where.removeprefix("dag.tasks[0]") for each in shown.plan.not_taken]
    assert sorted(told) == ["", ".has_on_retry_callback", ".max_active_tis_per_dag", ".pool_slots"]


def test_the_workflow_of_argo() -> None:
    """Items, nested templates, a suspension, a condition, and a task that is for failures."""
    shown = read_example("argo.yaml")
    sort = ["sort(0:apple)", "sort(1:pear)", "sort(2:kind:plum,since:2024)"]
    assert shown.needs == {
        **{key: [] for key in sort},
        "fit.split": sort,
        "fit.small": ["fit.split"],
        "fit.large": ["fit.split"],
        "report": ["fit.small", "fit.large", *sort],
        "look": ["fit.small", "fit.large"],
        "use: when": ["look"],
        "use": ["use: when"],
    }
    assert shown.payload(sort[2])["item"] == {"kind": "plum", "since": 2024}
    assert shown.payload("fit.small")["template"] == "fit-model"
    assert shown.node("fit.small").settings == {"timeout_secs": 7200}
    assert shown.asked["look"] == "look: shall it go on?"
    assert [*shown.not_taken.values()] == [10, 23, 30, 32, 55]


ARGO = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks:
          - {name: a, template: %s}
    - name: leaf
      container: {image: x}
    - name: wait
      suspend: {duration: 2h}
    - name: ring
      steps: [[{name: b, template: ring}]]
"""


@pytest.mark.parametrize(
    ("task", "keys"),
    [
        ("leaf, withSequence: {count: 2}", ["a(0:0)", "a(1:1)"]),
        ("leaf, withSequence: {start: '3', end: '2', format: 'n%03d'}", ["a(0:n003)", "a(1:n002)"]),
        ("leaf, withParam: '[\"x\"]'", ["a(0:x)"]),
        ("leaf", ["a"]),
    ],
)
def test_items_of_argo(task: str, keys: list[str]) -> None:
    """What is written down is spread out."""
    assert [*read(ARGO % task).needs] == keys


CALLED = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  suspend: true
  templates:
    - name: main
      dag:
        failFast: false
        tasks:
          - name: each
            template: build
            withItems: [a, b]
            when: "{{item}} != b"
            continueOn: {failed: true}
            arguments: {parameters: [{name: x, value: "{{item}}"}]}
          - {name: look, template: look, depends: each}
    - name: build
      inputs: {parameters: [{name: x}]}
      retryStrategy: {limit: 2}
      steps:
        - - name: run
            template: leaf
            arguments: {parameters: [{name: y, value: "{{inputs.parameters.x}}"}]}
    - name: leaf
      retryStrategy: {limit: 1, retryPolicy: OnError}
      container: {image: x}
    - name: look
      inputs: {parameters: [{name: who}]}
      suspend: {}
"""


def test_a_condition_that_is_another_one_for_each_item() -> None:
    """Each item has a gate of its own, which says which item it is."""
    shown = read(CALLED)
    assert shown.needs["each(1:b).run"] == ["each(1:b): when"]
    assert (
        shown.asked["each(1:b): when"] == 'each(1:b) ("b") runs only if this holds: {{item}} != b'
    )
    assert shown.needs["look"] == ["each(0:a).run", "each(1:b).run"]


def test_what_a_template_was_called_with_goes_along() -> None:
    """What is called within it refers to its parameters, and to its item."""
    shown = read(CALLED)
    (within,) = shown.payload("each(0:a).run")["within"]
    assert (within["template"], within["item"]) == ("build", "a")
    assert within["arguments"] == {"parameters": [{"name": "x", "value": "{{item}}"}]}
    assert shown.payload("look")["inputs"] == {"parameters": [{"name": "who"}]}


def test_a_template_that_is_kept_elsewhere() -> None:
    """Its worker finds where, whole."""
    plan = ARGO % "'', templateRef: {name: shared, template: fit}"
    assert read(plan).payload("a")["templateRef"] == {"name": "shared", "template": "fit"}


def test_what_a_template_that_calls_others_says_of_itself() -> None:
    """It is no node: what it says is told, and once however often it is called."""
    told = [each.where.removeprefix("spec.") for each in read(CALLED).plan.not_taken]
    task = "templates[0].dag.tasks[0]"
    assert told == [
        "suspend",
        "templates[0].dag.failFast",
        f"{task}.when",
        f"{task}.continueOn",
        "templates[1].retryStrategy",
        "templates[2].retryStrategy.retryPolicy",
    ]


def test_no_items_at_all() -> None:
    """What waits for them waits for what they would have waited for."""
    three = "leaf}\n          - {name: b, template: leaf, withItems: [], dependencies: [a]}\n"
    three += "          - {name: c, template: leaf, dependencies: [b]"
    assert read(ARGO % three).needs == {"a": [], "c": ["a"]}


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("leaf, withParam: '{{x}}'", "`withParam`: which items there are is known only when"),
        ("leaf, withItems: '{{x}}'", "`withItems`: which items there are is known only when"),
        ("leaf, withSequence: {count: '{{x}}'}", "`count`: which items there are"),
        ("leaf, withSequence: {count: 999999999}", "more than 200,000 numbers"),
        ("lead", "there is none that is called 'lead'"),
        ("ring", "it is called within itself: main -> ring -> ring"),
        ("leaf, depends: 'b &&'", "`depends`: it ends too early"),
        ("leaf, depends: b.Done", "'Done' is no outcome of a task"),
        ("leaf, dependencies: [b]", '"a" waits for "b", and there is none'),
    ],
)
def test_tasks_of_argo_that_are_refused(task: str, told: str) -> None:
    """Each with its line."""
    (fault,) = faults(ARGO % task)
    assert fault.startswith("line ")
    assert told in fault


def test_a_suspension_that_ends_by_itself() -> None:
    """It is a gate that is approved when its time is over."""
    gate = read(ARGO % "wait").node("a").settings["gate"]
    assert (gate.timeout_secs, gate.on_timeout) == (7200, "approve")


@pytest.mark.parametrize(
    ("text", "names", "holds", "plain"),
    [
        ("a", ["a"], True, True),
        ("a && b.Succeeded", ["a", "b"], True, True),
        ("a || b.Failed", ["a", "b"], True, False),
        ("(a.Succeeded || a.Skipped) && !b.Failed", ["a", "b"], True, False),
        ("a.Failed || a.Errored", ["a"], False, False),
        ("!a", ["a"], False, False),
        ("a.AnySucceeded", ["a"], True, True),
    ],
)
def test_conditions(text: str, names: list[str], *, holds: bool, plain: bool) -> None:
    """Does it hold where all that it names has succeeded, and does it say no more than that?"""
    assert read_condition(text) == Condition(names, holds, plain)


@pytest.mark.parametrize("text", ["", "&&", "a b", "(a", "a)", "(" * 60 + "a", "a ? b", "!" * 99])
def test_what_is_no_condition(text: str) -> None:
    """It is said why."""
    with pytest.raises(ValueError, match=r"."):
        read_condition(text)


def test_the_pipeline_of_tekton() -> None:
    """`runAfter`, results that are used, a matrix, a condition, and what is done in the end."""
    shown = read_example("tekton.yaml")
    builds = ["build (linux/amd64, warm)", "build (linux/arm64)"]
    before = ["fetch", "unit", "lint", *builds, "scan", "roll-out: when", "roll-out"]
    assert shown.needs == {
        "fetch": [],
        "unit": ["fetch"],
        "lint": ["fetch"],
        **{build: ["unit", "lint"] for build in builds},
        "scan": builds,
        "roll-out: when": ["scan"],
        "roll-out": ["roll-out: when"],
        "clean": before,
    }
    assert shown.payload("unit")["task"]["steps"][0]["script"] == "make test"
    assert shown.node("unit").settings == {"timeout_secs": 1800}
    assert shown.node("lint").settings == {"on_failure": "continue"}
    assert shown.node("fetch").settings["retry"].max_attempts == 3
    assert shown.not_taken == {"spec.tasks[5].when": 40, "spec.finally[0]": 44}


def test_pipelines_of_tekton_that_are_refused() -> None:
    """A matrix of parameters, a run without its pipeline, two pipelines in one file."""
    pipeline = "apiVersion: tekton.dev/v1\nkind: %s\nspec: {%s}\n"
    matrix = "tasks: [{name: a, matrix: {params: [{name: p, value: %s}]}}]"
    for value in ("'$(params.x[*])'", "['$(params.x[*])']"):
        (fault,) = faults(pipeline % ("Pipeline", matrix % value))
        assert "which values there are is known only in a run" in fault
    assert "there is no pipeline" in faults(pipeline % ("PipelineRun", "pipelineRef: {name: p}"))[0]
    one = pipeline % ("Pipeline", "tasks: [{name: a}]")
    assert "a second Pipeline" in faults(f"{one}---\n{one}")[0]


def test_results_wherever_a_task_of_tekton_uses_them() -> None:
    """Who uses them waits, be it in a path of a workspace, or to find the task itself."""
    shown = read(
        "apiVersion: tekton.dev/v1\nkind: Pipeline\nspec:\n  tasks:\n"
        "  - {name: a}\n"
        "  - {name: b, workspaces: [{name: w, subPath: $(tasks.a.results.dir)}]}\n"
        "  - {name: c, taskRef: {resolver: git, params: "
        "[{name: url, value: $(tasks.b.results.url)}]}}\n"
    )
    assert shown.needs == {"a": [], "b": ["a"], "c": ["b"]}


def test_a_condition_of_what_is_done_in_the_end() -> None:
    """Nothing runs after that, so nothing is told of it."""
    shown = read(
        "apiVersion: tekton.dev/v1\nkind: Pipeline\nspec:\n  tasks: [{name: a}]\n"
        "  finally: [{name: z, when: [{input: x, operator: in, values: [x]}]}]\n"
    )
    assert shown.needs == {"a": [], "z: when": ["a"], "z": ["z: when"]}
    assert {*shown.not_taken} == {"spec.finally[0]"}


def test_a_value_that_is_empty_is_seen_in_a_question() -> None:
    """A condition that something is not empty would read as one that always holds."""
    shown = read(
        "apiVersion: tekton.dev/v1\nkind: Pipeline\nspec:\n  tasks:\n"
        "  - {name: a, when: [{input: $(params.x), operator: notin, values: ['', y]}]}\n"
        "  - {name: b, when: [{input: '', operator: in, values: []}]}\n"
    )
    holds = "runs only if this holds"
    assert shown.asked == {
        "a: when": f'a {holds}: $(params.x) notin ["", y]',
        "b: when": f'b {holds}: "" in []',
    }
    step = "{name: a, command: x, preconditions: [{condition: $X, expected: ''}]}"
    (asked,) = read(f"steps: [{step}]").asked.values()
    assert asked == f'a {holds}: $X is ""'


def test_other_documents_of_tekton() -> None:
    """A run may have its pipeline in it, or beside it; what is neither is told."""
    head = "apiVersion: tekton.dev/v1\nkind: %s\nspec: {%s}\n"
    tasks = "tasks: [{name: a}]"
    assert read(head % ("PipelineRun", f"pipelineSpec: {{{tasks}}}")).needs == {"a": []}
    run, pipeline = head % ("PipelineRun", "pipelineRef: {name: p}"), head % ("Pipeline", tasks)
    shown = read(f"{run}---\n{pipeline}---\nkind: ConfigMap\n")
    assert shown.needs == {"a": []}
    assert [(each.line, each.why) for each in shown.plan.not_taken] == [
        (9, "the ConfigMap is left out: nothing in the pipeline calls it")
    ]
