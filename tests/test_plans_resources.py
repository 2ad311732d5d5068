"""Files of Argo and Tekton as clusters and repositories have them: several documents, and lists."""

import json

import pytest

from agentd.plans.reading import recognise
from tests.plans import faults, read

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: recipes}\n"
WORKFLOW = """apiVersion: argoproj.io/v1alpha1
kind: %s
metadata: {name: %s}
spec:
  entrypoint: main
  templates: [{name: main, container: {image: x}}]
"""
PIPELINE = """apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: %s}
spec: {tasks: [{name: a, %s}]}
"""


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"{CONFIG}---\n{WORKFLOW % ('Workflow', 'w')}", "argo"),
        (f"{CONFIG}---\n{PIPELINE % ('p', 'taskRef: {name: t}')}", "tekton"),
        (
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: tekton.dev/v1\n  kind: Pipeline\n",
            "tekton",
        ),
        ('{"apiVersion": "v1", "items": [{"apiVersion": "argoproj.io/v1alpha1"}]}', "argo"),
        (
            "jobs:\n  a:\n    steps:\n    - run: |\n        apiVersion: argoproj.io/v1alpha1\n",
            "github",
        ),
        ("steps:\n- script: |\n    apiVersion: tekton.dev/v1\n", "dagu"),
    ],
)
def test_what_stands_before_and_within(text: str, form: str) -> None:
    """Another resource may stand first; a manifest that a step writes tells nothing."""
    assert recognise(text) == form


def test_a_list_of_resources() -> None:
    """It stands for what is in it, in YAML and in JSON."""
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {}}]},
        "status": {"phase": "Succeeded"},
    }
    shown = read(json.dumps({"apiVersion": "v1", "kind": "List", "items": [workflow]}, indent=1))
    assert shown.needs == {"main": []}
    (told,) = shown.plan.not_taken
    assert (told.line, told.where) == (17, "items[0].status")
    assert "how far it is there is not looked at" in told.why


def test_documents_with_nothing_in_them() -> None:
    """They are passed over, at the end as well."""
    pipeline = PIPELINE % ("p", "taskRef: {name: t}")
    shown = read(f"---\n---\n{pipeline}status: {{}}\n---\n")
    assert (shown.needs, shown.plan.not_taken) == ({"a": []}, [])


def test_other_resources_beside_a_workflow() -> None:
    """Each is named, with its line."""
    shown = read(f"{CONFIG}---\n{WORKFLOW % ('Workflow', 'w')}")
    assert shown.plan.goal == "w"
    assert [(each.line, each.why) for each in shown.plan.not_taken] == [
        (1, "the ConfigMap 'recipes' is left out: it is no workflow")
    ]


def test_resources_of_which_none_is_a_plan() -> None:
    """It is told what there is instead."""
    sensor = "apiVersion: argoproj.io/v1alpha1\nkind: Sensor\n"
    (told,) = faults(f"{CONFIG}---\n{sensor}")
    assert told == "line 1: there is no workflow in it: found ConfigMap, Sensor"
    (told,) = faults("apiVersion: tekton.dev/v1\nkind: Task\n")
    assert told == "line 1: there is no pipeline in it: found Task"


def test_two_of_them() -> None:
    """One is imported at a time; of templates that is the one which says where it begins."""
    (told,) = faults(f"{WORKFLOW % ('Workflow', 'a')}---\n{WORKFLOW % ('CronWorkflow', 'b')}")
    assert told == "line 8: a second CronWorkflow begins: import one at a time"
    library = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nspec: {templates: []}\n"
    assert read(f"{library}---\n{WORKFLOW % ('WorkflowTemplate', 'b')}").plan.goal == "b"
    (told,) = faults(library)
    assert "`spec.entrypoint` missing in the WorkflowTemplate" in told


CALLING = """apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: shared}
spec:
  templates:
    - name: both
      steps: [[{name: x, template: leaf}], [{name: y, template: leaf}]]
    - {name: leaf, container: {image: theirs}}
    - {name: spare, container: {image: z}}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks:
          - {name: a, templateRef: {name: shared, template: both}}
          - {name: b, template: leaf, depends: a}
          - {name: c, templateRef: {name: other, template: leaf}}
    - {name: leaf, container: {image: ours}}
"""


def test_workflow_templates_of_the_same_file() -> None:
    """Who refers to them calls their templates, and these each other by their names alone."""
    shown = read(CALLING)
    assert shown.needs == {"a.x": [], "a.y": ["a.x"], "b": ["a.y"], "c": []}
    assert shown.payload("a.x")["container"] == {"image": "theirs"}
    assert shown.payload("b")["container"] == {"image": "ours"}
    assert [(each.line, each.where) for each in shown.plan.not_taken] == [
        (9, "spec.templates[2]"),
        (21, "[1].spec.templates[0].dag.tasks[2].templateRef"),
    ]
    (told,) = faults(CALLING.replace("template: both}", "template: none}"))
    assert told == "line 19: `templateRef`: 'shared' has no template 'none'"


def test_a_workflow_that_is_a_template() -> None:
    """It is the template with what it says itself; one that is kept elsewhere is a fault."""
    cron = "apiVersion: argoproj.io/v1alpha1\nkind: CronWorkflow\nmetadata: {name: c}\n"
    cron += "spec:\n  when: x\n  timezone: UTC\n  workflowSpec: {workflowTemplateRef: {name: t}}\n"
    shown = read(f"{cron}---\n{WORKFLOW % ('WorkflowTemplate', 't')}")
    assert (shown.plan.goal, shown.needs) == ("c", {"main": []})
    assert json.loads(bytes(shown.plan.context))["cron"] == {"when": "x", "timezone": "UTC"}
    assert [each.line for each in shown.plan.not_taken] == [5, 6]
    (told,) = faults(cron)
    assert told.startswith("line 7: the workflow template 't' is kept elsewhere")


def test_the_pipeline_that_a_run_names() -> None:
    """The others are what it calls, or are left out."""
    run = "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {generateName: r-}\n"
    run += "spec: {pipelineRef: {name: outer}, params: [{name: p, value: 1}]}\n"
    inner = PIPELINE % ("inner", "taskRef: {name: t}")
    outer = PIPELINE % ("outer", "pipelineRef: {name: inner}")
    third = PIPELINE % ("third", "taskRef: {name: t}")
    shown = read(f"{inner}---\n{outer}---\n{third}---\n{run}")
    assert shown.plan.goal == "outer"
    assert shown.payload("a")["pipeline"] == {"tasks": [{"name": "a", "taskRef": {"name": "t"}}]}
    context = json.loads(bytes(shown.plan.context))
    assert context["run"]["params"] == [{"name": "p", "value": 1}]
    assert "the Pipeline 'third' is left out" in shown.plan.not_taken[-1].why
    assert read(f"{inner}---\n{outer}").plan.goal == "outer"
    assert faults(f"{inner}---\n{third}") == ["line 6: a second Pipeline: import one at a time"]
    (told,) = faults(run)
    assert (
        told
        == "line 4: there is no pipeline 'outer' in the file, which the run names: import that one"
    )
