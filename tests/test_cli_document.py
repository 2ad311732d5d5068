"""The document that describes a task: what it may say in JSON and YAML, and how it is refused."""

import json

import msgspec
import pytest

from agentd.documents.document import Document, read_document
from agentd.documents.faults import BadDocument
from tests.graphs import DIAMOND

AN_ID = "8f36c487-4e75-4da9-a5bc-d7916f1acda0"


def understood(text: str) -> Document:
    """The task that a document describes, whatever its form."""
    return read_document(text.encode(), "f", empty=True)


def payloads(document: Document) -> list[object]:
    """What the nodes' payloads say."""
    return [
        msgspec.json.decode(msgspec.json.encode(node.payload_schema)) for node in document.nodes
    ]


# What it may say


def test_names_become_ids() -> None:
    """Nodes name each other by a short name; ids are made, and the names go into the payloads."""
    document = understood(DIAMOND)
    plan, build, docs, publish = document.nodes
    assert [node.dependencies for node in document.nodes] == [
        [],
        [plan.id],
        [plan.id],
        [build.id, docs.id],
    ]
    assert payloads(document)[1] == {"name": "build", "command": "make"}
    assert document.names == {
        node.id: name
        for node, name in zip(
            (plan, build, docs, publish), ("plan", "build", "docs", "publish"), strict=True
        )
    }


def test_json_is_told_from_yaml_by_looking() -> None:
    """The same document in JSON says the same."""
    document = understood('{"goal": "g", "nodes": [{"name": "a"}, {"dependencies": ["a"]}]}')
    assert document.nodes[1].dependencies == [document.nodes[0].id]
    assert payloads(document) == [{"name": "a"}, {}]


def test_the_names_of_the_api_work_too() -> None:
    """`initial_nodes`, `id` and `payload_schema` are those of RegisterTask."""
    nodes = [{"id": AN_ID.upper(), "payload_schema": [1]}, {"dependencies": [AN_ID]}]
    document = understood(json.dumps({"goal": "g", "initial_nodes": nodes}))
    assert [document.nodes[0].id] == document.nodes[1].dependencies == [AN_ID]
    assert payloads(document)[0] == [1]


def test_null_counts_as_left_out() -> None:
    """As in RegisterTask: only where a field holds the user's own JSON, null is a value."""
    node = {"name": None, "id": None, "dependencies": None, "payload": None}
    document = understood(
        json.dumps({"goal": "g", "context": None, "request_id": None, "nodes": [node]})
    )
    assert bytes(document.context) == b"null"
    assert document.nodes[0].dependencies == []
    assert payloads(document) == [None]


def test_json_goes_on_as_it_was_written() -> None:
    """Numbers keep their spelling, in the context and beside a name that was put in."""
    document = understood(
        '{"goal":"g","context":{"n":1.50},"nodes":[{"name":"a","payload":{"n":1E2}}]}'
    )
    assert bytes(document.context) == b'{"n":1.50}'
    assert bytes(document.nodes[0].payload_schema) == b'{"name":"a","n":1E2}'  # type: ignore[arg-type]


def test_a_name_may_stand_in_the_payload_as_well() -> None:
    """A payload that has the name already keeps it."""
    assert payloads(understood("goal: g\nnodes: [{name: a, payload: {name: a}}]")) == [
        {"name": "a"}
    ]


def test_a_payload_goes_on_as_it_was_written() -> None:
    """Numbers that no double holds, keys given twice, escapes and spaces are the user's."""
    held = r'"n": 1e400, "n":-1E+9999,"big":' + "9" * 6000 + r' , "\u00e9\/": [ ]}'
    document = understood('{"goal":"g","nodes":[{"name":"a","payload":{ ' + held + "}]}")
    assert bytes(document.nodes[0].payload_schema) == f'{{"name":"a",{held}'.encode()  # type: ignore[arg-type]
    named = '{ "n":1e400, "name" : "\\u0061"}'
    document = understood('{"goal":"g","nodes":[{"name":"a","payload":' + named + "}]}")
    assert bytes(document.nodes[0].payload_schema) == named.encode()  # type: ignore[arg-type]


def test_a_byte_order_mark_is_no_text() -> None:
    """Editors of Windows put one at the beginning."""
    assert understood('\ufeff{"goal":"g"}').goal == "g"


# How it is refused


MANY = (
    f"goal: g\nnodes: [{', '.join(f'{{name: {n}}}' for n in 'abcdefghijk')}, {{dependencies: [z]}}]"
)
"""More names than are listed."""

BOMB = "goal: g\ncontext:\n  a0: &a0 []\n" + "".join(
    f"  a{number + 1}: &a{number + 1} [{', '.join([f'*a{number}'] * 10)}]\n" for number in range(99)
)
"""Each list has the one before it ten times."""

REFUSED = [
    (
        "3",
        "f, line 1: expected an object with fields such as `goal` and `nodes`, got a nu",
    ),
    ("", "f is empty: expected a task, in YAML or JSON"),
    (" \n\t", "f is empty: expected a task, in YAML or JSON"),
    ("- 1", "f, line 1: expected an object with fields such as `goal` and `nodes`, got a list"),
    ("```\ngoal: g\n```", "f, line 1: leave out the lines with ``` around the task"),
    ("context: {}", "f, line 1: `goal` is missing"),
    ("goal: 1", "f, line 1: `goal`: expected a text, got a number"),
    (
        "goal: g\ncontext: 1e400\nnodes: 1e400",
        "f, line 3: `nodes`: expected a list of nodes, or a mapping of them by name, got a",
    ),
    ("goal: g\nnodes: 3", "f, line 2: `nodes`: expected a list of nodes, or a mapping of them by"),
    ("goal:\nnodes: [{}]", "f, line 1: `goal` is missing"),
    (
        "goal: g\nnodes: []\ninitial_nodes: []",
        "f, line 3: `nodes` and `initial_nodes` are two names of one field: give one",
    ),
    ("goal: g\nnodes: [3]", "f, line 2, node #1: expected an object with fields such as `name`"),
    (
        "goal: g\nnodes: [{name: [a]}]",
        "f, line 2, node #1: `name`: expected a text or a number, got a",
    ),
    ("goal: g\nnodes: [{name: ' '}]", "f, line 2, node #1: `name`: expected a word"),
    (f"goal: g\nnodes: [{{name: {AN_ID}}}]", "f, line 2, node #1: `name`: expected a word"),
    (
        "goal: g\nnodes:\n- name: a\n- {}\n- name: a",
        "f, line 5, node 'a': `name`: 'a' is given to nodes #1, #3; each needs one of its own",
    ),
    (
        f"goal: g\nnodes:\n- id: {AN_ID}\n- id: {AN_ID.upper()}",
        f"f, line 4, node #2: `id`: '{AN_ID}' is given to nodes #1, #2; each needs one of its own",
    ),
    ("goal: g\nnodes: [{id: {}}]", "f, line 2, node #1: `id`: expected a text or a number, got an"),
    (
        "goal: g\nnodes: [{name: a, dependencies: {b: 1}}]",
        "f, line 2, node 'a': `dependencies`: expected a list of names or ids, got an object",
    ),
    (
        "goal: g\nnodes: [{name: a, dependencies: [{}]}]",
        "f, line 2, node 'a': `dependencies`: expected a list of names or ids, an object in it",
    ),
    (
        "goal: g\nnodes: [{name: a, dependencies: [a]}]",
        "f, line 2, node 'a': `dependencies`: it depends on itself",
    ),
    (
        "goal: g\nnodes: [{name: build}, {name: a, dependencies: [biuld]}]",
        "f, line 2, node 'a': `dependencies`: no node is named 'biuld'; did you mean `build`?",
    ),
    (
        "goal: g\nnodes:\n- {name: build}\n- {dependencies: [zzz]}",
        "f, line 4, node #2: `dependencies`: no node is named 'zzz'; names there are: build",
    ),
    (
        f"goal: g\nnodes: [{{dependencies: [{AN_ID}]}}]",
        f"f, line 2, node #1: `dependencies`: no node has the id '{AN_ID}'; names there are: none",
    ),
    (
        "goal: g\nnodes: [{name: a, payload: 3}]",
        "f, line 2, node 'a': `payload`: expected an object, where the name can stand",
    ),
    (
        "goal: g\nnodes:\n- name: a\n  payload:\n    n: 1\n    name: b",
        "f, line 6, node 'a': `payload.name` is \"b\"",
    ),
    (
        "goal: g\nnodes: [{name: a, payload: {}, payload_schema: {}}]",
        "f, line 2, node 'a': `payload` and `payload_schema` are two names of one field",
    ),
    ("goal: g\nrequest_id: 7", "f, line 2: `request_id`: expected a UUID, got a number"),
    ("goal: g\nrequest_id: ''", "f, line 2: `request_id`: '' is no UUID; leave it out"),
    ("goal: g\nrequest_id: x7", "f, line 2: `request_id`: 'x7' is no UUID; leave it out"),
    ('{"goal": "g",\n "goal": "h"}', "f, line 2: the field `goal` is given 2 times"),
    (
        '{"goal": "g", "nodes": [\n{"payload": {},\n "payload": {}}]}',
        "f, line 3, node #1: the field `payload` is given 2 times",
    ),
    ('{"goal": "\\ud800"}', "f is not valid JSON: half of a surrogate pair"),
    ('{"goal": NaN}', "f is not valid JSON: NaN is no number in JSON"),
    ('{"goal": ' + "9" * 6000 + " x}", "f is not valid JSON: line 1, column 6011"),
    ('{"goal": "g",\n "nodes": }', "f is not valid JSON: line 2, column 11"),
    ("goal: g\nnodes: [", "f is not valid YAML: line "),
    ("goal: g\n\tnodes: 3", "f is not valid YAML: line 2"),
    ("goal: g\ngoal: h", "f, line 2, column 1: the key 'goal' is given twice"),
    ("goal: g\ncontext: .nan", "f, line 2, column 10: .nan is no number in JSON"),
    ("goal: g\ncontext: !!python/object:os.system {}", "f, line 2, column 10"),
    ("goal: g\n---\ngoal: h", "f is not valid YAML: line 2"),
    (
        "goal: g\ncontext: &a [*a]",
        "f, line 2, column 14: *a stands within what it",
    ),
    ("goal: g\ncontext: *a", "f, line 2, column 10: *a stands for nothing"),
    ("goal: &a g\ncontext: &a h", "f, line 2, column 10: the anchor &a is given"),
    (
        "goal: g\ncontext: {<<: 3}",
        "f, line 2, column 11: `<<` takes in a mapping",
    ),
    ("goal: g\ncontext: {<<: [{}, 3]}", "f, line 2, column 11: `<<` takes in a"),
    (
        "goal: g\ncontext: {<<: {}, <<: {}}",
        "f, line 2, column 19: the key '<<' is given twice",
    ),
    (
        "goal: g\ncontext: !!set {a}",
        "f, line 2, column 10: the tag !!set is none",
    ),
    ("goal: g\ncontext: !!null no", "f, line 2, column 10: no is not null"),
    ("goal: g\ncontext: !unit 3", "f, line 2, column 10: the tag !unit is none"),
    ("goal: g\ncontext: {? [a] : b}", "f, line 2, column 13: a key is a text"),
    (
        "goal: g\ncontext: {1: a, '1': b}",
        "f, line 2, column 17: the key '1' is",
    ),
    ("goal: g\ncontext: !!bool maybe", "f, line 2, column 10: maybe is neither"),
    ("goal: g\ncontext: !!int 0x1F", "f, line 2, column 10: 0x1F is no number"),
    (BOMB, "f is not valid YAML: line 10, column 42: with every alias written out it is too large"),
    ('{"goal":"g","context":' + "[" * 100_000, "f is nested too deeply"),
    (
        "goal: " + "[" * 300,
        "f is not valid YAML: line 1, column 206: nested more than 200 deep",
    ),
    ("goal: " + "[" * 100_000, "f is not valid YAML: line "),
    (
        "goal: g\nx: &x " + "[" * 150 + "]" * 150 + "\ny: " + "[" * 60 + "*x" + "]" * 60,
        "f is not valid YAML: line 3, column 64: nested more than 200 deep",
    ),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[words[:60] for _, words in REFUSED])
def test_refused(text: str, words: str) -> None:
    """A refusal names the document, the node and the field, and says what is expected."""
    with pytest.raises(BadDocument) as refused:
        understood(text)
    assert str(refused.value).startswith(words)


def test_few_of_many_names_are_listed() -> None:
    """Where no name was meant, ten are named."""
    with pytest.raises(BadDocument, match=r"names there are: a, .*, j, \.\.\.$"):
        understood(MANY)


def test_what_is_not_text_is_refused() -> None:
    """A document is UTF-8."""
    with pytest.raises(BadDocument, match=r"^f cannot be read: byte \d+ \(0x..\) is not UTF-8$"):
        read_document(b"goal: \xff", "f")
