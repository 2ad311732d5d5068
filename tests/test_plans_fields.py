"""What tasks of Airflow, Argo and Tekton say besides: what is empty, old, or has no counterpart."""

import json

from tests.plans import Shown, faults, read

ARGO = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  retryStrategy: {limit: 2}
  templates:
    - name: main
      metadata: {labels: {team: orchard}}
      outputs: {}
      dag:
        tasks:
          - {name: a, template: leaf, depends: "", when: "", onExit: ""}
          - {name: b, template: leaf, dependsOn: a}
    - name: leaf
      timeout: "{{inputs.parameters.limit}}"
      container: {image: x}
"""


def test_what_is_empty_in_a_task_of_argo() -> None:
    """It says no more than what is not there: many tools write it."""
    assert read(ARGO).needs == {"a": [], "b": []}


def test_fields_of_argo_without_a_counterpart() -> None:
    """A field that Argo has not, what a template that is no node says, and an expression."""
    told = {each.where.removeprefix("spec."): each.why for each in read(ARGO).plan.not_taken}
    assert [*told] == [
        "templates[0].metadata",
        "templates[0].dag.tasks[1].dependsOn",
        "templates[1].timeout",
    ]
    assert told["templates[0].dag.tasks[1].dependsOn"].startswith("Argo has no such field here")
    assert told["templates[1].timeout"].startswith("it is an expression")


def test_what_a_workflow_of_argo_says_of_all_its_templates() -> None:
    """It is so for each node, but where the template says it; a default is nearer than the rest.

    What else the defaults say is listed.
    """
    defaults = "templateDefaults: {timeout: 2m, container: {env: [x]}}\n  templates:\n"
    own = '    - {name: own, timeout: 5s, retryStrategy: {limit: "4"}, container: {image: x}}\n'
    plan = ARGO.replace('timeout: "{{inputs.parameters.limit}}"', "priority: 1")
    plan = plan.replace("  templates:\n", f"  {defaults}{own}").replace(
        "b, template: leaf", "b, template: own"
    )
    assert _limits(plan) == {"a": (120, 3), "b": (5, 5)}
    assert "spec.templateDefaults.container" in read(plan).not_taken
    assert not {"spec.retryStrategy", "spec.templateDefaults"} & {*read(plan).not_taken}
    nearer = plan.replace("templateDefaults: {", "templateDefaults: {retryStrategy: {limit: 7}, ")
    assert _limits(nearer) == {"a": (120, 8), "b": (5, 5)}


def _limits(plan: str) -> dict[str, tuple[int, int]]:
    """Of each node the seconds of an attempt, and how many there are."""
    nodes = read(plan).plan.nodes
    return {
        each.key: (each.settings["timeout_secs"], each.settings["retry"].max_attempts)
        for each in nodes
    }


def test_two_words_on_what_a_task_of_argo_waits_for() -> None:
    """They may differ: it is a fault."""
    both = ARGO.replace("dependsOn: a", "depends: a, dependencies: [a]")
    (told,) = faults(both)
    assert told == "line 13: `dependencies` stands beside `depends`: one of them is enough"


def test_who_waits_for_a_task_that_is_refused() -> None:
    """One mistake is one fault."""
    broken = ARGO.replace('template: leaf, depends: "", when', "template: lead, when")
    (told,) = faults(broken.replace("dependsOn: a", "depends: a"))
    assert "there is none that is called 'lead'" in told


def test_what_a_task_that_is_refused_waits_for() -> None:
    """It is looked at, too: all faults are told at once."""
    broken = ARGO.replace(
        'template: leaf, depends: "", when', "template: lead, depends: gone, when"
    )
    told = faults(broken.replace("dependsOn: a", "depends: a"))
    assert len(told) == 2
    assert any('"a" waits for "gone", and there is none' in fault for fault in told)
    for items in ("$LIST", "''", "{max_concurrent: 2}"):
        told = faults(f"type: graph\nsteps: [{{name: a, depends: gone, parallel: {items}}}]")
        assert len(told) == 2
        assert any('"a" waits for "gone", and there is none' in fault for fault in told)
    many = f"matrix: {{params: [{{name: p, value: {[*map(str, range(300))]}}}]}}"
    told = faults(
        "apiVersion: tekton.dev/v1\nkind: Pipeline\n"
        f"spec: {{tasks: [{{name: a, runAfter: [gone], {many}}}]}}"
    )
    assert len(told) == 2
    assert any('"a" waits for "gone", and there is none' in fault for fault in told)


def test_one_of_two_that_is_left_out() -> None:
    """Who waits for either of them waits for the other, wherever it stands; else it is a fault."""
    other = "\n          - {name: c, template: leaf, depends: a.Failed}"
    both = ARGO.replace("dependsOn: a}", f"depends: a || c.Succeeded}}{other}")
    assert read(both).needs == {"a": [], "b": ["a"]}
    for text in ("c", "a && c"):
        (told,) = faults(both.replace("a || c.Succeeded", text))
        assert '"b" waits for "c", which is left out: it depends on a failure' in told


def test_what_is_done_no_time_at_all() -> None:
    """A list of items, or of values, that is empty is told: it makes no node."""
    none = ARGO.replace("dependsOn: a", "withItems: []")
    assert "b: there are no items, and so no nodes" in _reasons(read(none))
    empty = none.replace("b, template: leaf", "b, template: none")
    once = f"{empty}    - {{name: none, steps: []}}\n".replace("withItems: []", "onExit: ''")
    assert "b: what it calls is empty, and so no nodes" in _reasons(read(once))
    chain = "type: chain\nsteps: [{name: a}, {name: b, parallel: []}]"
    assert "b: there are no items, and so no nodes" in _reasons(read(chain))
    matrix = "{name: m, matrix: {params: [{name: x, value: []}]}}"
    assert "m: its matrix is empty, and so there is no node" in _reasons(
        read(f"{TEKTON}  tasks: [{{name: a}}, {matrix}]\n")
    )


def _reasons(shown: Shown) -> list[str]:
    return [each.why for each in shown.plan.not_taken]


TEKTON = "apiVersion: tekton.dev/v1beta1\nkind: Pipeline\nspec:\n"


def test_results_within_a_task_that_stands_in_the_pipeline() -> None:
    """Who uses them waits; what is no task of the pipeline is a text like others."""
    shown = read(
        f"{TEKTON}  tasks:\n"
        "  - {name: a}\n"
        "  - name: b\n"
        "    taskSpec: {steps: [{script: 'echo $(tasks.a.results.x) $(tasks.z.results.x)'}]}\n"
    )
    assert shown.needs == {"a": [], "b": ["a"]}


def test_resources_that_a_task_of_tekton_has_from_others() -> None:
    """It waits for them, as they were said before there were results; a condition is a gate."""
    shown = read(
        f"{TEKTON}  tasks:\n"
        "  - {name: a}\n"
        "  - {name: c}\n"
        "  - name: b\n"
        "    resources: {inputs: [{name: r, resource: s, from: [a]}], outputs: [{name: r}]}\n"
        "    conditions: [{conditionRef: is-ripe, resources: [{name: r, from: [c]}]}]\n"
    )
    assert shown.needs["b: conditions"] == ["a", "c"]
    assert shown.needs["b"] == ["b: conditions"]
    assert shown.asked == {"b: conditions": "b runs only if this holds: is-ripe"}
    assert [each.where for each in shown.plan.not_taken] == ["spec.tasks[2].conditions"]


def test_what_stands_beside_a_pipeline_of_tekton() -> None:
    """What a task names goes along, of whatever kind it is; the rest is told."""
    head = "apiVersion: tekton.dev/v1\nkind: %s\nmetadata: {name: %s}\nspec: {steps: [%s]}\n"
    tasks = "  tasks: [{name: a, taskRef: {name: t}}, {name: b, taskRef: {name: u, kind: Loop}}]\n"
    files = [f"{TEKTON}{tasks}", head % ("ClusterTask", "t", "1"), head % ("Loop", "u", "2")]
    shown = read("---\n".join([*files, head % ("Task", "unused", "3")]))
    assert shown.payload("a")["task"] == {"steps": [1]}
    assert shown.payload("b")["task"] == {"steps": [2]}
    assert _reasons(shown) == ["the Task 'unused' is left out: nothing in the pipeline calls it"]


def test_a_time_out_that_is_an_expression() -> None:
    """It is told as one."""
    shown = read(f"{TEKTON}  tasks: [{{name: a, timeout: $(params.limit)}}]\n")
    assert "it is an expression" in _reasons(shown)[0]


def test_values_of_a_matrix_that_a_parameter_has() -> None:
    """They are known where the file says them; the run goes before the pipeline."""
    run = (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nspec:\n  params: [%s]\n"
        "  pipelineSpec:\n    params: [{name: p, type: array, default: [x, y]}]\n    tasks:\n"
        "    - {name: a, matrix: {params: [{name: q, value: %s}]}}\n"
    )
    whole = "'$(params.p[*])'"
    assert [*read(run % ("", whole)).needs] == ["a (x)", "a (y)"]
    assert [*read(run % ("", "[w, $(params.p), $(params.n)]")).needs] == [
        *("a (w)", "a (x)", "a (y)", "a ($(params.n))"),
    ]
    assert [*read(run % ("{name: p, value: [z]}", whole)).needs] == ["a (z)"]
    (told,) = faults(run % ("{name: p, value: z}", whole))
    assert "which values there are is known only in a run" in told


def test_a_condition_of_one_combination() -> None:
    """It is told, with its line."""
    entry = "{name: e, params: [{name: x, value: 1}], when: [{cel: y}]}"
    shown = read(f"{TEKTON}  tasks:\n  - name: a\n    matrix:\n      include: [{entry}]\n")
    assert [(each.line, each.where) for each in shown.plan.not_taken] == [
        (7, "spec.tasks[0].matrix.include[0].when")
    ]


def airflow(*tasks: dict[str, object], **dag: object) -> Shown:
    """The plan of a DAG of these tasks."""
    whole = {"dag_id": "d", "fileloc": "f", "tasks": tasks, **dag}
    return read(json.dumps({"__version": 3, "dag": whole}))


def test_tasks_of_airflow_that_choose() -> None:
    """Also those that a decorator made, whose types begin with a mark."""
    kinds = ["_BranchPythonDecoratedOperator", "LatestOnlyOperator", "ShortCircuitOperator"]
    tasks: list[dict[str, object]] = [{"task_id": kind, "task_type": kind} for kind in kinds]
    shown = airflow(*tasks)
    assert [why.partition(": it may skip")[0] for why in _reasons(shown)] == kinds


def test_weights_of_airflow() -> None:
    """A weight of 1 is what all have; that a rule makes another sum is told of the others."""
    one = {"task_id": "a", "priority_weight": 1, "weight_rule": "downstream"}
    own = {"task_id": "b", "priority_weight": 3, "weight_rule": "absolute"}
    sum_ = {"task_id": "c", "priority_weight": 3, "weight_rule": "upstream"}
    shown = airflow(one, own, sum_)
    assert [each.where for each in shown.plan.not_taken] == ["dag.tasks[2].weight_rule"]


def test_a_dag_that_starts_at_no_time() -> None:
    """There is nothing to tell of that; labels of its edges are in the context."""
    timetable = {"__type": "airflow.timetables.simple.NullTimetable", "__var": {}}
    labels = {"a": {"b": {"label": "ripe"}}}
    shown = airflow({"task_id": "a"}, timetable=timetable, edge_info=labels)
    assert shown.plan.not_taken == []
    assert json.loads(bytes(shown.plan.context))["edge_info"] == labels


def test_a_dag_within_a_task_of_airflow() -> None:
    """It is one node, and told."""
    shown = airflow({"task_id": "a", "subdag": {"__type": "dag", "__var": {"tasks": []}}})
    assert _reasons(shown) == ["the DAG that it has is one node"]


def test_what_airflow_writes_of_a_dag_elsewhere() -> None:
    """A row of its table has the DAG in it; tasks as its interface lists them do not make one."""
    row = {"dag_id": "d", "data": {"__version": 1, "dag": {"tasks": [{"task_id": "a"}]}}}
    assert read(json.dumps(row)).needs == {"a": []}
    (told,) = faults(json.dumps({"tasks": [{"task_id": "a"}], "total_entries": 1}))
    assert "`dag` is missing: expected what `SerializedDAG.to_dict(dag)` makes" in told


def test_a_template_of_another_tool() -> None:
    """It is no plan before that has filled it in."""
    (told,) = faults("{{- if .Values.on }}\napiVersion: argoproj.io/v1alpha1\n{{- end }}\n")
    assert "it is a template: import what its own tool, such as Helm, makes of it" in told


def test_a_reference_to_a_template_that_says_too_little() -> None:
    """It is a fault, and so is what is no text; each once."""
    (told,) = faults(ARGO.replace("template: leaf, dependsOn: a", "templateRef: {name: x}"))
    assert told == "line 13: `templateRef`: it needs a `name` and a `template`"
    (told,) = faults(ARGO.replace("dependsOn: a", "depends: [a]"))
    assert told == "line 13: `depends`: expected a text, got a list"
    (told,) = faults(ARGO.replace("entrypoint: main", "entrypoint: [main]"))
    assert told == "line 4: `entrypoint`: expected a text, got a list"
