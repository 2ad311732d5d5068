"""The document that describes a task: what it may say in JSON and YAML, and how it is refused."""

import json

import msgspec
import pytest

from agentd.cli.document import Document, read
from agentd.cli.fields import BadDocument
from tests.graphs import DIAMOND

AN_ID = "8f36c487-4e75-4da9-a5bc-d7916f1acda0"


def understood(text: str) -> Document:
    """The task that a document describes, whatever its form."""
    return read(text.encode(), "f")


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


def test_a_date_stays_text() -> None:
    """JSON has no dates: what looks like one in YAML is the text that was written."""
    context = understood("goal: g\ncontext: [2026-01-31, 2026-01-31 12:00:00]").context
    assert bytes(context) == b'["2026-01-31","2026-01-31 12:00:00"]'


def test_nothing_is_changed_in_silence() -> None:
    """What JSON does not write so is text in YAML, a key is text, a number keeps its digits."""
    context = understood(
        "goal: g\ncontext: {on: no, at: 12:30, zip: 01234, hex: 0x1F, n: 1.10, yes: true, 1: ~}"
    ).context
    assert bytes(context) == (
        b'{"on":"no","at":"12:30","zip":"01234","hex":"0x1F","n":1.10,"yes":true,"1":null}'
    )


def test_what_is_merged_is_given_once() -> None:
    """A mapping may take in another and say more, wherever both stand."""
    context = understood(
        "goal: g\ncontext: {deep: [&more {<<: {n: 1}, n: 2}], shallow: {<<: *more}}"
    ).context
    assert bytes(context) == b'{"deep":[{"n":2}],"shallow":{"n":2}}'


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
    ("", "f: expected an object with the fields `goal`, `context`, `nodes`, `initial_nodes`"),
    ("- 1", "f: expected an object with the fields"),
    ("context: {}", "f: `goal` is missing"),
    ("goal: 1", "f: `goal`: expected a text, got `int`"),
    ("goal: g\ngaol: h", "f: there is no field `gaol`: did you mean `goal`?"),
    ("goal: g\nbudget: 3", "f: there is no field `budget`: leave it out"),
    ("goal: g\nnodes: 3", "f: `nodes`: expected a list of nodes, got `int`"),
    ("goal: g\nnodes: []\ninitial_nodes: []", "f: `nodes` and `initial_nodes` are two names"),
    ("goal: g\nnodes: [3]", "f, node #1: expected an object with the fields `name`, `id`"),
    ("goal: g\nnodes: [{}, {need: []}]", "f, node #2: there is no field `need`: leave it out"),
    ("goal: g\nnodes: [{nmae: a}]", "f, node #1: there is no field `nmae`: did you mean `name`?"),
    ("goal: g\nnodes: [{name: 3}]", "f, node #1: `name`: expected a text, got `int`"),
    ("goal: g\nnodes: [{name: ' '}]", "f, node #1: `name`: expected a word"),
    (f"goal: g\nnodes: [{{name: {AN_ID}}}]", "f, node #1: `name`: expected a word"),
    ("goal: g\nnodes: [{name: a}, {name: a}]", "f, node 'a': `name`: another node has it too"),
    ("goal: g\nnodes: [{id: 3}]", "f, node #1: `id`: expected a UUID, got `int`"),
    ("goal: g\nnodes: [{id: abc}]", "f, node #1: `id`: 'abc' is no UUID; leave it out"),
    (
        "goal: g\nnodes: [{name: a, dependencies: b}]",
        "f, node 'a': `dependencies`: expected a list of names or ids, got `str`",
    ),
    (
        "goal: g\nnodes: [{name: build}, {name: a, dependencies: [biuld]}]",
        "f, node 'a': `dependencies`: no node is named 'biuld'; did you mean `build`?",
    ),
    (
        "goal: g\nnodes: [{name: build}, {dependencies: [zzz]}]",
        "f, node #2: `dependencies`: no node is named 'zzz'; names there are: build",
    ),
    ("goal: g\nnodes: [{name: a, payload: 3}]", "f, node 'a': `payload`: expected an object"),
    ("goal: g\nnodes: [{name: a, payload: {name: b}}]", "f, node 'a': `payload.name` is \"b\""),
    (
        "goal: g\nnodes: [{name: a, payload: {}, payload_schema: {}}]",
        "f, node 'a': `payload` and `payload_schema` are two names of one field",
    ),
    ('{"goal": "g",\n "nodes": }', "f is not valid JSON: line 2, column 11"),
    ("goal: g\nnodes: [", "f is not valid YAML: line "),
    ("goal: g\n\tnodes: 3", "f is not valid YAML: line 2"),
    ("goal: g\ngoal: h", "f is not valid YAML: line 2, column 1: the key 'goal' is given twice"),
    ("goal: g\ncontext: .nan", "f is not valid YAML: line 2, column 10: .nan is no number in JSON"),
    ("goal: g\ncontext: !!python/object:os.system {}", "f is not valid YAML: line 2, column 10"),
    ("goal: g\n---\ngoal: h", "f is not valid YAML: line 2"),
    ("goal: g\ncontext: &a [*a]", "f is more than JSON can say"),
    ("goal: g\ncontext: {? [a] : b}", "f is not valid YAML: line 2, column 13: a key is a text"),
    (
        "goal: g\ncontext: {1: a, '1': b}",
        "f is not valid YAML: line 2, column 17: the key '1' is",
    ),
    ("goal: g\ncontext: !!bool maybe", "f is not valid YAML: line 2, column 10: maybe is neither"),
    ("goal: g\ncontext: !!int 0x1F", "f is not valid YAML: line 2, column 10: 0x1F is no number"),
    (BOMB, "f is not valid YAML: line 10, column 42: with every alias written out it is too large"),
    ('{"goal":"g","context":' + "[" * 100_000, "f is nested too deeply"),
    (
        "goal: " + "[" * 100_000,
        "f is not valid YAML: line 1, column 206: nested more than 200 deep",
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
    with pytest.raises(BadDocument, match="f is not UTF-8"):
        read(b"goal: \xff", "f")
