"""What nodes of a task file are called, and how they are meant by others."""

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.documents.document import Document, read_document
from agentd.documents.faults import BadDocument

AN_ID = "8f36c487-4e75-4da9-a5bc-d7916f1acda0"
COMPOSED = unicodedata.normalize("NFC", "cafe\u0301")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def task(*nodes: object, **fields: object) -> Document:
    """The task of a document with these nodes."""
    return read_document(msgspec.json.encode({"goal": "g", "nodes": nodes, **fields}), "f")


def payload(document: Document, at: int = 0) -> Any:
    """What a node's payload says."""
    return msgspec.json.decode(msgspec.json.encode(document.nodes[at].payload_schema))


def encoded(document: Document) -> bytes:
    """The nodes as they are sent."""
    return msgspec.json.encode(document.nodes)


NAMED = [
    (
        {"name": "n", "id": "i", "key": "k", "title": "t"},
        "n",
        {"id": "i", "key": "k", "title": "t"},
    ),
    ({"title": "t", "key": "k", "id": "i"}, "i", {"title": "t", "key": "k"}),
    ({"title": "t", "key": 7}, "7", {"title": "t"}),
    ({"title": 1.50}, "1.5", {}),
    ({"name": None, "id": None, "title": "t"}, "t", {}),
    ({"id": AN_ID.upper(), "title": "t"}, "t", {}),
    ({"id": "i", "title": ["t"], "key": {}}, "i", {"title": ["t"], "key": {}}),
    ({"id": "i", "prompt": "p", "payload": {"x": 1}}, "i", {"prompt": "p", "x": 1}),
]


@pytest.mark.parametrize(("node", "name", "rest"), NAMED, ids=lambda each: str(each)[:40])
def test_the_first_of_four_is_the_name(node: object, name: str, rest: dict[str, object]) -> None:
    """`name`, `id`, `key`, `title`: the first that a node has; the others stay in its payload."""
    document = task(node)
    assert (document.nodes[0].name, payload(document)) == (name, {"name": name, **rest})


def test_a_uuid_in_id_is_the_id() -> None:
    """And no name: such a node may have none."""
    document = task({"id": AN_ID.upper()}, {"needs": AN_ID})
    assert (document.nodes[0].id, document.nodes[0].name) == (AN_ID, None)
    assert document.nodes[1].dependencies == [AN_ID]
    assert payload(document) == {}


def test_numbers_are_the_text_that_was_written() -> None:
    """`1.10` is not `1.1`, and `01` is not 1, in whichever form of document."""
    nodes = "[{id: 1}, {id: 1.10}, {id: 01}, {id: 2, needs: [1, 1.10, 01]}, {id: 1e400, deps: 2}]"
    document = read_document(f"goal: g\nnodes: {nodes}".encode(), "f")
    assert [node.name for node in document.nodes] == ["1", "1.10", "01", "2", "1e400"]
    assert document.nodes[3].dependencies == [node.id for node in document.nodes[:3]]
    with pytest.raises(BadDocument, match=r"node '2': `needs`: no node is named '1\.0'"):
        read_document(b"goal: g\nnodes: [{id: 1}, {id: 2, needs: [1.0]}]", "f")


def test_what_a_node_is_called_besides() -> None:
    """Others may mean it by that too, where it is no other's name, and no two are called so."""
    document = task(
        {"name": "a", "id": "x"}, {"name": "x", "id": "y"}, {"name": "c", "deps": ["x", "y"]}
    )
    ids = [node.id for node in document.nodes]
    assert document.nodes[2].dependencies == [ids[1], ids[1]]


def test_a_mapping_of_nodes() -> None:
    """Its keys are the names, nothing need stand behind one, and its order is kept."""
    nodes = {"b": None, "a": {"needs": "b", "name": "a", "id": AN_ID}, "c": {"title": "C", "id": 3}}
    document = read_document(json.dumps({"goal": "g", "nodes": nodes}).encode(), "f")
    assert [node.name for node in document.nodes] == ["b", "a", "c"]
    assert document.nodes[1].id == AN_ID
    assert [payload(document, at) for at in range(3)] == [
        {"name": "b"},
        {"name": "a"},
        {"name": "c", "title": "C", "id": 3},
    ]


MAPPINGS = [
    ('{"a": {},\n "a": {}}', "f, line 2: `nodes`: the name 'a' is given to 2 nodes; each needs"),
    ('{"a": {},\n "b": {"name": "B"}}', "f, line 2, node 'b': `name`: the node is 'b' already"),
    ('{"a": {},\n "b": "text"}', "f, line 2, node 'b': expected an object with fields such as"),
    ('{"a": {},\n "": {}}', "f, line 2, node #2: the name of a node: expected a word, neither"),
    (
        f'{{"{AN_ID}": {{}}}}',
        f"f, line 1, node '{AN_ID}': the name of a node: expected a word, neither",
    ),
    ("{}", "f, line 1: `nodes` is empty: a task without nodes has nothing to do"),
    ('{"a": {"needs": "a"}}', "f, line 1, node 'a': `needs`: it depends on itself"),
]


@pytest.mark.parametrize(("nodes", "told"), MAPPINGS)
def test_what_is_wrong_with_a_mapping(nodes: str, told: str) -> None:
    """It is told with the line of its key."""
    with pytest.raises(BadDocument) as refused:
        read_document(f'{{"goal": "g", "nodes": {nodes}}}'.encode(), "f")
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("node", ["build: {run: make}", "build:\n  needs: a", "build:"])
def test_a_name_where_a_field_should_be(node: str) -> None:
    """Who writes a list where a mapping was meant is told, before his nodes lose their names."""
    with pytest.raises(BadDocument, match="there is no field `build`: is it the node's name"):
        read_document(f"goal: g\nnodes:\n- name: a\n- {node}\n".encode(), "f")


# Names that look the same


def test_names_are_composed() -> None:
    """However an accent is written, the name is one, in the payload as well."""
    document = task(
        {"name": DECOMPOSED}, {"name": "b", "needs": DECOMPOSED}, {"deps": [DECOMPOSED]}
    )
    assert document.nodes[0].name == COMPOSED
    assert payload(document)["name"] == COMPOSED
    assert [node.dependencies for node in document.nodes[1:]] == [[document.nodes[0].id]] * 2
    named = task({"name": DECOMPOSED, "payload": {"name": COMPOSED}})
    assert named.nodes[0].name == COMPOSED


TWINS = [
    ("a", "A"),
    (COMPOSED, "CAFE\u0301"),
    ("\ufb01x", "fix"),
    ("straße", "STRASSE"),
    ("\u2121", "tel"),
    ("\uff11", 1),
]


@pytest.mark.parametrize("pair", TWINS)
def test_twins_are_refused(pair: tuple[object, object]) -> None:
    """Two names that readers take for one another are a fault, at the second of them."""
    nodes = [{"name": each} for each in pair]
    with pytest.raises(
        BadDocument, match=r"\(#1\), .* \(#2\) are taken for one another"
    ) as refused:
        read_document(json.dumps({"goal": "g", "nodes": nodes}, indent=0).encode(), "f")
    assert str(refused.value).startswith("f, line 7, node ")


# All spellings are one plan

_NAME = st.text("abcé1 -", min_size=1, max_size=3).filter(str.strip)


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """A plan in our own words, and the same in those of others."""
    names = draw(st.lists(_NAME, min_size=1, max_size=5, unique_by=str.lower))
    ours, theirs = [], []
    for at, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:at]), unique=True)) if at else []
        own = {"prompt": draw(st.text(max_size=3)), "n": draw(st.integers())}
        ours.append({"name": name, "dependencies": needs, "payload": own})
        field = draw(st.sampled_from(["needs", "deps", "depends_on", "dependsOn", "dependencies"]))
        said: object = needs[0] if len(needs) == 1 and draw(st.booleans()) else needs
        called = draw(st.sampled_from(["name", "id", "key", "title"]))
        theirs.append({called: unicodedata.normalize("NFD", name), field: said, **own})
    return ours, theirs


@given(plans())
def test_all_spellings_are_one_plan(both: tuple[list[Any], list[Any]]) -> None:
    """Whichever words it is written in, the same request is made of it."""
    ours, theirs = (task(*nodes, request_id=AN_ID) for nodes in both)
    assert encoded(ours) == encoded(theirs)
    keyed = {next(iter(node.values())): dict([*node.items()][1:]) for node in both[1]}
    mapping = msgspec.json.encode({"goal": "g", "nodes": keyed, "request_id": AN_ID})
    assert encoded(read_document(mapping, "f")) == encoded(ours)
