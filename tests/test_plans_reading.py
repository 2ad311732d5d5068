"""Which form a plan has, and files that mean no good: one clear message each."""

import json
from pathlib import Path
from time import process_time

import pytest

from agentd.cli.task.options import PLAN_FORMS
from agentd.plans.reading import NAMES, recognise
from tests.plans import EXAMPLES, faults, read, read_example

FORMS = {
    "airflow.json": "airflow",
    "argo.yaml": "argo",
    "beads.jsonl": "beads",
    "checklist.md": "markdown",
    "dagu.yaml": "dagu",
    "github.yml": "github",
    "tasks.json": "taskmaster",
    "tekton.yaml": "tekton",
}
"""The examples, each with its form."""

_LONG_SECONDS = 15.0
"""Five times what 20,000 nodes take; where each is looked for among all, it is a minute."""


def test_there_is_an_example_of_every_form() -> None:
    """But of agentd's own, which `agentd task export` makes."""
    assert [path.name for path in EXAMPLES] == sorted(FORMS)
    assert {*FORMS.values(), "agentd"} == {*NAMES} == {*PLAN_FORMS}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_form_is_recognised(path: Path) -> None:
    """By what stands in it, whatever the file is called."""
    assert recognise(path.read_text(encoding="utf-8")) == FORMS[path.name]
    assert read_example(path.name).plan.form == FORMS[path.name]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("form", NAMES)
def test_read_as_another_form(path: Path, form: str) -> None:
    """It is a plan, or a refusal that says why; never anything else."""
    if form not in (FORMS[path.name], "markdown", "beads", "dagu", "github"):
        assert faults(path.read_bytes(), form)


def test_workflows_in_json() -> None:
    """JSON is YAML too: what a cluster hands out is read like what was written."""
    task = {"name": "a", "template": "t"}
    templates = [{"name": "m", "dag": {"tasks": [task]}}, {"name": "t", "container": {}}]
    spec = {"entrypoint": "m", "templates": templates}
    written = json.dumps({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": spec})
    shown = read(written)
    assert (shown.plan.form, shown.needs) == ("argo", {"a": []})


@pytest.mark.parametrize("text", ["hello", "nodes: {a: }", '{"goal": "g"}', "[1]", "7"])
def test_what_is_none_of_them(text: str) -> None:
    """The forms that there are are named."""
    (fault,) = faults(text)
    assert "in no form that is known" in fault
    assert ", ".join(NAMES) in fault


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("goal: g\nnodes: {a: }", "`agentd task register` takes it"),
        ('{"goal": "g", "nodes": []}', "`agentd task register` takes it"),
        ('[\n{"id": "a-1", "issue_type": "task"}]', "a line each, as `bd export`"),
        ('{"task": {}, "counts": {}, "nodes": []}', "leave out `--form`"),
    ],
)
def test_what_agentd_takes_otherwise(text: str, told: str) -> None:
    """A task file, and what was exported for programs, are not answered with other tools' forms."""
    (fault,) = faults(text)
    assert told in fault
    assert "tekton" not in fault


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xff\xfes\x00t\x00e\x00p\x00s\x00", "byte 1 (0xff) is not UTF-8"),
        (b"\xfe\xff\x00s", "it looks like UTF-16: save it as UTF-8"),
        ("steps: [{name: é}]".encode("latin-1"), "(0xe9) is not UTF-8"),
        (b"steps:\n- {name: a}\n- {name: b\0}", "line 3: a NUL character stands there"),
        (b"steps: [{name: a\n", "is not valid YAML: line "),
        (b"steps: [" + b"[" * 300, "nested more than 200 deep"),
        (b"steps: [" + b"[" * 5_000, "nest"),  # some releases of PyYAML count as well
        (b"steps: [*a]", "*a stands for nothing: no &a above"),
        (b'{"tasks": [{"id": 1}', "is not valid JSON: line 1, column "),
        (b"steps: [&a {name: x, run: [1]}, &b [*a, *a], &c [*b, *b]%b]"
         % b"".join(b", &%c [*%c, *%c]" % (c, c - 1, c - 1) for c in range(100, 122)),
         "with every alias written out it is too large"),
        (b"steps: {a: {run: x}, a: {run: y}}", "is given twice"),
        (b'{"tasks": [{"id": 1, "id": 2}]}', "the field `id` is given 2 times"),
        (b'{"tasks": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"tasks": [{"id": 1e999, "title": 1e999, "status": {}}]}', "`status`: expected a text"),
        (b'{"tasks": [{"id": 1}, {"id": 1}]}', "two nodes are called"),
        (b'{"tasks": [{"id": 1, "dependencies": [1]}]}', "what waits for itself never runs"),
        (b'{"tasks": [{"id": 1, "dependencies": [2]}, {"id": 2, "dependencies": [1]}]}',
         "what waits for itself never runs"),
        (b'{"tasks": []}', "there are no nodes in it"),
        (b'{"tasks": 7}', "expected a list of tasks, got a number"),
        (b'{"tasks": [{"id": ""}]}', "a name is empty"),
        (b'{"tasks": [{"id": "a\\u0000"}]}', "has a control character in it (U+0000)"),
        (b'{"tasks": [{"id": 1, "title": "%b"}]}' % (b"x" * 2_000_000), "a request has room for"),
        (b"steps: [x]\nenv: [A=%b]" % (b"x" * 1_100_000), "without its nodes the plan has 1,100,0"),
        (b"# %b\n- [ ] a" % (b"x" * 1_100_000), "without its nodes the plan has 1,100,0"),
    ],
)  # fmt: skip
def test_hostile_files(written: bytes, told: str) -> None:
    """Bombs, cycles, wrong encodings, what is given twice: told in a line, at once."""
    told_all = faults(written)
    assert any(told in fault for fault in told_all), told_all
    assert all(len(fault) < 500 for fault in told_all)


def test_names_that_run_from_right_to_left() -> None:
    """They are names like others; that they cannot turn a line round is the terminal's business."""
    assert [*read("- [ ] \u202eabc\n- [x] \u05d0\u05d1\n").needs] == ["\u202eabc", "\u05d0\u05d1"]


def test_a_name_that_looks_like_an_id() -> None:
    """It is in the payload alone, for an id would be meant by it."""
    key = "8f36c487-4e75-4da9-a5bc-d7916f1acda0"
    shown = read(json.dumps({"tasks": [{"id": key}, {"id": 2, "dependencies": [key]}]}))
    assert (shown.node(key).name, shown.payload(key)["name"]) == (None, key)
    assert shown.needs["2"] == [key]


def test_numbers_stay_as_they_were_written() -> None:
    """However large they are."""
    shown = read('{"tasks": [{"id": 1, "estimate": 1e999, "weight": 123456789012345678901.10}]}')
    assert b'"estimate":1e999,"weight":123456789012345678901.10' in bytes(shown.node("1").payload)


def test_templates_that_call_each_other_ten_times_over() -> None:
    """A few lines could ask for any number of nodes, or for none in any number of calls."""
    ten = ", ".join(f"{{name: s{number}, template: t%d}}" for number in range(10))
    calls = "".join(
        f"    - name: t{level}\n      steps: [[{ten.replace('%d', str(level + 1))}]]\n"
        for level in range(12)
    )
    head = "apiVersion: argoproj.io/v1alpha1\nspec:\n  entrypoint: t0\n  templates:\n"
    (fault,) = faults(f"{head}{calls}    - {{name: t12, steps: []}}\n")
    assert fault == "plan calls templates without end"


def test_a_long_cycle_is_told_in_few_words() -> None:
    """Its first nodes are named, and how many there are."""
    tasks = [{"id": n, "dependencies": [(n + 1) % 5_000]} for n in range(5_000)]
    (fault,) = faults(json.dumps({"tasks": tasks}))
    assert "(5,000 nodes in all)" in fault
    assert len(fault) < 300


CIRCLE = "version: 2.1\njobs: {a: {steps: []}}\nworkflows: {w: {jobs: [a]}}\n"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (CIRCLE, None),
        (f"on: push\n{CIRCLE}", "github"),
        ("- [ ] a\n\n```yaml\non: push\njobs:\n  a: {}\n```\n", "markdown"),
        ("- [] a\n", "markdown"),
        ("- [x]a\n", "markdown"),
        ("- []\n", None),
    ],
)
def test_what_looks_like_another_form(text: str, form: str | None) -> None:
    """Jobs of another tool are not GitHub's, and what a checklist shows does not make it one."""
    assert recognise(text) == form


def test_lines_that_would_take_long() -> None:
    """However many blanks, brackets or signs there are on one, it is read at once."""
    many = 200_000
    lines = ("- [%s" % (" " * many), "- [ ] %s" % ("[" * many), "| [" * many, "-" * many)
    assert len(read("".join(f"{line}\n\n" for line in lines)).needs) == 1
    spaced = f"on: push\njobs: {{a: {{if: 'x{' ' * many}y'}}}}"
    assert "a: if" in read(spaced).needs
    assert recognise(f"{' ' * many}\nsteps:\n") == "dagu"


@pytest.mark.parametrize("form", ["argo", "dagu", "taskmaster", "tekton"])
def test_many_that_are_told_apart(form: str) -> None:
    """However many there are to look among, none takes longer than it would among a few."""
    many = range(20_000)
    tasks = [{"name": f"t{at}", "taskRef": {"name": f"t{at}"}} for at in many]
    kept = [{"kind": "Task", "metadata": {"name": f"t{at}"}, "spec": {}} for at in many]
    calls = [
        {"name": f"t{at}", "template": "w", "withParam": f"{{{{workflow.parameters.p{at}}}}}"}
        for at in many
    ]
    given = {"parameters": [{"name": f"p{at}", "value": "[1]"} for at in many]}
    templates = [{"name": "m", "steps": [calls]}, {"name": "w"}]
    spec = {"entrypoint": "m", "arguments": given, "templates": templates}
    below = [{"id": at, "dependencies": [at - 1] if at else []} for at in many]
    plans: dict[str, object] = {
        "argo": {"kind": "Workflow", "spec": spec},
        "dagu": {"type": "chain", "steps": [{"run": "x"} for _ in many]},
        "taskmaster": {"tasks": [{"id": 1, "subtasks": below}]},
        "tekton": {
            "kind": "List",
            "items": [{"kind": "Pipeline", "spec": {"tasks": tasks}}, *kept],
        },
    }
    began = process_time()
    assert len(read(json.dumps(plans[form]), form).needs) >= len(many)
    assert process_time() - began < _LONG_SECONDS


def test_lists_without_items_that_stand_for_each_other() -> None:
    """What many wait for through many that are not there is as many dependencies."""
    many = 3_000
    empty = [{"name": f"e{at}", "parallel": [], "depends": f"e{at - 1}"} for at in range(1, many)]
    waiting = [{"name": f"t{at}", "depends": f"e{many - 1}"} for at in range(many)]
    plan = {"type": "graph", "steps": [{"name": "e0"}, *empty, *waiting]}
    (told,) = faults(json.dumps(plan))
    assert "there are more than 2,000,000 dependencies in it" in told


@pytest.mark.parametrize("form", NAMES)
def test_a_comment_alone(form: str) -> None:
    """Whatever form it is said to have, it is refused."""
    assert faults("# nothing\n", form)
