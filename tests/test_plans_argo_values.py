"""Items of Argo that a parameter of the file has: they are known."""

import json

import pytest

from tests.plans import faults, read

NESTED = """apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: harvest-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: kinds, value: '["plum", "pear"]'}, {name: count, value: 2}]}
  templates:
    - name: main
      inputs: {parameters: [{name: kinds, default: '["apple"]'}, {name: own, value: '[7]'}]}
      steps:
        - - name: a
            template: inner
            %s
            arguments: {parameters: [{name: list, value: "%s"}]}
    - name: inner
      inputs: {parameters: [{name: list}]}
      steps: [[{name: b, template: leaf, withParam: "{{inputs.parameters.list}}"}]]
    - {name: leaf, container: {image: x}}
"""


@pytest.mark.parametrize(
    ("items", "given", "keys"),
    [
        ("", "{{workflow.parameters.kinds}}", ["a.b(0:plum)", "a.b(1:pear)"]),
        ("", "{{ inputs.parameters.kinds }}", ["a.b(0:plum)", "a.b(1:pear)"]),
        ("", "{{inputs.parameters.own}}", ["a.b(0:7)"]),
        ("", "[3]", ["a.b(0:3)"]),
        (
            "withSequence: {start: 5, count: '{{workflow.parameters.count}}'}",
            "[1]",
            ["a(0:5).b(0:1)", "a(1:6).b(0:1)"],
        ),
    ],
)
def test_items_that_a_parameter_has(items: str, given: str, keys: list[str]) -> None:
    """A reference is followed through the templates to what the file says."""
    assert [*read(NESTED % (items, given)).needs] == keys


@pytest.mark.parametrize(
    "given",
    [
        "{{item}}",
        "{{workflow.parameters.none}}",
        "{{inputs.parameters.none}}",
        "{{workflow.parameters.kinds}} and more",
        "{{steps.x.outputs.result}}",
    ],
)
def test_items_that_are_not_known(given: str) -> None:
    """They stay a fault, at who asks for them."""
    (told,) = faults(NESTED % ("", given))
    assert told.startswith("line 17: `withParam`: which items there are is known only when")


def test_what_a_workflow_begins_with() -> None:
    """Its first template has the workflow's arguments; its name is what is not made up."""
    shown = read(NESTED % ("", "[3]"))
    assert shown.plan.goal == "harvest"
    outer = shown.payload("a.b(0:3)")["within"][0]
    assert [each["name"] for each in outer["arguments"]["parameters"]] == ["kinds", "count"]


def test_arguments_of_a_workflow_that_is_a_template() -> None:
    """What it does not give itself, the template has."""
    kept = NESTED.replace("kind: Workflow", "kind: WorkflowTemplate").replace(
        "generateName", "name"
    )
    run = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n"
    run += "  workflowTemplateRef: {name: harvest-}\n"
    run += "  arguments: {parameters: [{name: kinds, value: '[1]'}]}\n"
    shown = read(f"{run}---\n{kept % ('', '{{workflow.parameters.kinds}}')}")
    assert [*shown.needs] == ["a.b(0:1)"]
    given = json.loads(bytes(shown.plan.context))["arguments"]["parameters"]
    assert given == [{"name": "kinds", "value": "[1]"}, {"name": "count", "value": 2}]


def test_faults_within_what_is_done_nobody_knows_how_often() -> None:
    """They are told as well."""
    told = faults(NESTED % ("withParam: '{{steps.x.outputs.result}}'", "{{item}}"))
    assert [each.partition(":")[0] for each in told] == ["line 13", "line 17"]


def test_a_template_that_stands_for_another_one() -> None:
    """As old releases had them: it is told, for nothing of it would be left."""
    old = "container: {image: x}}"
    (told,) = faults((NESTED % ("", "[1]")).replace(old, "template: other}"))
    assert told == "line 18: `template` of a template: call that one where this is called"
