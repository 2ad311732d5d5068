"""What is wrong with a document of a task: all of it at once, with its place and what to do."""

import json
import re
import time

import pytest

from agentd.documents.document import read_document
from agentd.documents.faults import BadDocument

AN_ID = "8f36c487-4e75-4da9-a5bc-d7916f1acda0"

# The advice for what stands under another name

ADVICE = [
    ("gaol: h", "line 2: there is no field `gaol`: did you mean `goal`?"),
    ("objective: h", "line 2: there is no field `objective`: did you mean `goal`?"),
    (
        "goal: g\npriorty: 3",
        "line 3: there is no field `priorty`: did you mean `priority`? (else put",
    ),
    ("goal: g\nedges: []", "line 3: there is no field `edges`: each node says in its own `depend"),
    ("goal: g\npayload: {}", "line 3: there is no field `payload`: put it under a node"),
    ("goal: g\ntasks: [{}]", "line 3: there is no field `tasks`: did you mean `nodes`?"),
    ("goal: g\nsteps: []", "line 3: there is no field `steps`: did you mean `nodes`?"),
    ("goal: g\nnode: []", "line 3: there is no field `node`: did you mean `nodes`?"),
    (
        "goal: g\ninital_nodes: [{}]",
        "line 3: there is no field `inital_nodes`: did you mean `initial_nodes`?",
    ),
    (
        "goal: g\nnodes: [{nmae: a}]",
        "line 3, node #1: there is no field `nmae`: did you mean `name`?",
    ),
    (
        "goal: g\nnodes:\n- name: a\n  time_out:\n    5m",
        "line 5, node 'a': there is no field `time_out`: did you mean `timeout`? (else put",
    ),
    (
        "goal: g\nnodes: [{depend_on: []}]",
        "line 3, node #1: there is no field `depend_on`: did you mean `depends_on`?",
    ),
    (
        "goal: g\nnodes: [{name: a, status: done}]",
        "line 3, node 'a': there is no field `status`: a node begins as PENDING: leave out what is",
    ),
]


@pytest.mark.parametrize(("text", "words"), ADVICE, ids=[words[:60] for _, words in ADVICE])
def test_advice(text: str, words: str) -> None:
    """What stands under an unknown name is somebody's work: its place is told, and it alone."""
    with pytest.raises(BadDocument) as refused:
        read_document(
            f"context: {{}}\n{text}".encode(),
            "f",
            empty="nodes" not in text and "tasks" not in text,
        )
    assert str(refused.value).startswith(f"f, {words}")
    assert "leave it out" not in str(refused.value)
    assert refused.value.faults == ()


def test_a_task_without_nodes_has_to_be_meant() -> None:
    """A document without nodes is refused, unless somebody says that it is meant."""
    for text, what in (
        ("goal: g", "missing"),
        ("goal: g\nnodes:\n", "missing"),
        ("goal: g\nnodes: []", "empty"),
    ):
        with pytest.raises(BadDocument, match=f"`nodes` is {what}: .*`--empty` allows it"):
            read_document(text.encode(), "f")
        assert read_document(text.encode(), "f", empty=True).nodes == []


# All faults at once

FAULTY = """\
gaol: g
nodes:
  - {name: a, dependencies: [zz, yy]}
  - {name: a}
  - {name: b, dependencis: [a]}
  - name: c
    retries: 3
    payload: [3]
  - {name: ''}
  - {name: d, dependencies: [e]}
  - {name: e, dependencies: [d]}
"""
FAULTS = """\
line 1: there is no field `gaol`: did you mean `goal`? (else put it under `context`)
line 3, node 'a': `dependencies`: no node is named 'zz'; names there are: a, b, c, d, e
line 3, node 'a': `dependencies`: no node is named 'yy'; names there are: a, b, c, d, e
line 4, node 'a': `name`: 'a' is given to nodes #1, #2; each needs one of its own
line 5, node 'b': there is no field `dependencis`: did you mean `dependencies`? (else put it \
under `payload`)
line 7, node 'c': there is no field `retries`: did you mean `attempts`? (else put it \
under `payload`)
line 8, node 'c': `payload`: expected an object, where the name can stand too, got a list
line 9, node #5: `name`: expected a word, neither empty nor a UUID
""".splitlines()


def test_all_faults_are_told_at_once() -> None:
    """Who corrects a document needs one round: each fault has its line and its node."""
    with pytest.raises(BadDocument) as refused:
        read_document(FAULTY.encode(), "f")
    assert str(refused.value) == "f has 9 faults"
    *first, last = refused.value.faults
    assert first == FAULTS
    assert re.fullmatch(r"line 1[01], node '[de]': .* a cycle: (?:d -> e -> d|e -> d -> e)", last)


def test_all_faults_of_json_have_their_lines() -> None:
    """JSON that somebody spread over lines is told by these lines."""
    text = '{"goal": "g",\n\n"nodes": [\n{"name":\n{}},\n{"id": []}, {"timeuot"\n:[\n]}]}'
    with pytest.raises(BadDocument) as refused:
        read_document(text.encode(), "f")
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "line 4, node #1",
        "line 6, node #2",
        "line 6, node #3",
    ]


def test_what_nests_too_deeply_is_named() -> None:
    """What a line cannot hold is told of its field, as long as it can be read at all."""
    deep = f"[{'[' * 118}{']' * 118}]"
    nodes = f"- {{name: a, payload: {{x: {deep[3:-3]}}}}}\n- {{payload: {deep[2:-2]}}}"
    nodes += f"\n- {{x: {deep[3:-3]}}}"
    with pytest.raises(BadDocument) as refused:
        read_document(f"goal: g\ncontext: {deep}\nnodes:\n{nodes}".encode(), "f")
    assert refused.value.faults == [
        "line 2: `context` nests deeper than a request may",
        "line 4, node 'a': `payload` nests deeper than a request may",
        "line 5, node #2: `payload` nests deeper than a request may",
        "line 6, node #3: `x` nests deeper than a request may",
    ]
    most = f"goal: g\ncontext: {deep[1:-1]}\nnodes:\n- {{payload: {deep[3:-3]}}}"
    assert len(read_document(most.encode(), "f").nodes) == 1


def test_the_first_of_many_faults_are_told() -> None:
    """One mistake that was made a thousand times is told two hundred times."""
    text = "goal: g\nnodes:\n" + "- {nmae: a}\n" * 1000
    with pytest.raises(BadDocument, match="f has 1,000 faults") as refused:
        read_document(text.encode(), "f")
    assert len(refused.value.faults) == 201
    assert refused.value.faults[-1] == "and 800 more"


@pytest.mark.parametrize("indent", [None, 1], ids=["a line", "lines"])
def test_a_large_document_full_of_faults_is_soon_refused(indent: int | None) -> None:
    """Places and hints are looked for as often as they are told: no document keeps a person."""
    nodes = [{"name": f"n{n}", "dependencies": [f"m{n}"], "payloda": {}} for n in range(5000)]
    text = json.dumps({"goal": "g", "nodes": nodes}, indent=indent).encode()
    began = time.process_time()
    with pytest.raises(BadDocument, match="f has 10,000 faults"):
        read_document(text, "f")
    assert time.process_time() - began < 20  # a place or a hint for each takes minutes


def test_faults_of_yaml_are_told_with_the_others() -> None:
    """What YAML allows and a document does not is no end of the reading."""
    text = "goal: g\ngoal: h\nnodes:\n- {name: a, n: .nan, needs: *x}\n- {nmae: !!set {}, [b]: 3}\n"
    with pytest.raises(BadDocument, match="f has 6 faults") as refused:
        read_document(text.encode(), "f")
    assert [re.split(":| `", fault)[0] for fault in refused.value.faults] == [
        "line 2, column 1",
        "line 4, column 16",
        "line 4, column 29",
        "line 5, column 10",
        "line 5, column 20",
        "line 5, node #2",
    ]


# The same request again


def test_the_same_document_under_one_id_is_the_same_request() -> None:
    """The ids that are made for nodes follow from the request's, and no others' are the same."""
    text = f"goal: g\nrequest_id: {AN_ID.upper()}\nnodes: [{{}}, {{name: a}}]".encode()
    first, again = read_document(text, "f"), read_document(text, "f", request_id=AN_ID)
    assert first == again
    assert first.request_id == AN_ID
    others = [read_document(b"goal: g\nnodes: [{}, {name: a}]", "f") for _ in "ab"]
    ids = {node.id for document in (first, *others) for node in document.nodes}
    assert len(ids) == 6


def test_two_ids_for_one_request_are_refused() -> None:
    """An id in the document and another beside it are two requests."""
    other = AN_ID[:-1] + "1"
    with pytest.raises(BadDocument, match=f"line 1: `request_id`: {AN_ID} here, and {other} on"):
        read_document(f"request_id: {AN_ID}\ngoal: g".encode(), "f", request_id=other, empty=True)
