"""Every JSON value that a payload may be comes back byte for byte, wherever it is shown."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tests.core import STORES, Core

# JSON as text, so that everything that two equal values can be spelled like is tried.

SPACE = st.sampled_from(["", "", "", " ", "\t", "\r", "  "])
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
NAMED = [rf"\{letter}" for letter in '"\\/bfnrt']
CODES = [r"\u0041", r"\u00E9", r"\u00e9", r"\u0000", r"\u2028", r"\ud83d\ude00"]
ESCAPES = st.sampled_from([*NAMED, *CODES, "é", "😀"])
PLAIN = st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters='"\\')
STRINGS = st.lists(PLAIN | ESCAPES, max_size=6).map(lambda parts: f'"{"".join(parts)}"')


def _array(items: list[str], space: str) -> str:
    return f"[{space}{f'{space},'.join(items)}{space}]"


def _object(items: list[tuple[str, str]], space: str) -> str:
    members = [f"{name}{space}:{value}" for name, value in items]
    return f"{{{f',{space}'.join(members)}{space}}}"


JSON_TEXT = st.recursive(
    st.sampled_from(["null", "true", "false", "{}", "[]", '""']) | NUMBERS | STRINGS,
    lambda inner: (
        st.builds(_array, st.lists(inner, max_size=4), SPACE)
        | st.builds(_object, st.lists(st.tuples(STRINGS, inner), max_size=4), SPACE)
    ),
    max_leaves=12,
).map(str.encode)


@pytest.fixture(params=STORES, scope="module")
def core(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Core]:
    store = STORES[request.param](tmp_path_factory.mktemp("payloads"))
    yield Core(store, event_limit=3)
    store.close()


def fields(encoded: bytes | Raw) -> dict[str, Raw]:
    return msgspec.json.decode(encoded, type=dict[str, Raw])


def items(encoded: bytes | Raw) -> list[Raw]:
    return msgspec.json.decode(encoded, type=list[Raw])


def shown(encoded: bytes | Raw, *path: str | int) -> bytes:
    """The bytes at that place of a result."""
    for step in path:
        encoded = fields(encoded)[step] if isinstance(step, str) else items(encoded)[step]
    return bytes(encoded)


def params(**given: bytes | str) -> bytes:
    """Params of which some values are JSON already."""
    members = [
        json.dumps(name).encode() + b":" + (v if isinstance(v, bytes) else json.dumps(v).encode())
        for name, v in given.items()
    ]
    return b"{" + b",".join(members) + b"}"


def register(core: Core, context: bytes = b"{}", schema: bytes = b"{}") -> str:
    """A task of two nodes, the second waiting for the first."""
    first, second = core.new_id(), core.new_id()
    nodes = b"[%b,%b]" % (
        params(id=first, payload_schema=schema),
        params(id=second, dependencies=json.dumps([first]).encode()),
    )
    answer = core.encoded("RegisterTask", params(goal="g", context=context, initial_nodes=nodes))
    task_id: str = json.loads(answer)["task_id"]
    return task_id


ODDITIES = [b"-0", b"1E+02", b"1e999", b"0.10", b'{"a":1,"a":2}', rb'"\u00e9\/"', b"[ 1 ,2]"]


@given(payload=JSON_TEXT)
def test_a_context_comes_back(core: Core, payload: bytes) -> None:
    """The task's context is shown as it was given, by TaskStatus and to each worker."""
    task_id = register(core, context=payload)
    status = core.encoded("TaskStatus", params(task_id=task_id))
    acquired = core.encoded("AcquireNextNode", params(task_id=task_id))
    assert shown(status, "task", "context") == payload
    assert shown(acquired, "context", "task", "context") == payload


@given(payload=JSON_TEXT)
def test_a_payload_schema_comes_back(core: Core, payload: bytes) -> None:
    """A node's payload_schema is shown as it was given, by TaskStatus and to its worker."""
    task_id = register(core, schema=payload)
    status = core.encoded("TaskStatus", params(task_id=task_id))
    acquired = core.encoded("AcquireNextNode", params(task_id=task_id))
    assert shown(status, "nodes", 0, "payload_schema") == payload
    assert shown(acquired, "context", "node", "payload_schema") == payload


@given(payload=JSON_TEXT, name=st.sampled_from(["payload", "event_payload"]))
def test_a_committed_payload_comes_back(core: Core, payload: bytes, name: str) -> None:
    """A committed event is shown to the next worker with the payload that it was given."""
    held = core.hold(register(core))
    core.encoded("CommitEvent", params(**held.params, **{name: payload}))
    core.do("CompleteNode", **held.params)
    acquired = core.encoded("AcquireNextNode", params(task_id=held.task_id))
    assert shown(acquired, "context", "event_journal", 0, "payload") == payload


@given(payload=JSON_TEXT, name=st.sampled_from(["payload", "result_payload"]))
def test_a_result_comes_back(core: Core, payload: bytes, name: str) -> None:
    """A result is shown by TaskStatus, to who waited for it, and in the event journal."""
    held = core.hold(register(core))
    core.encoded("CompleteNode", params(**held.params, **{name: payload}))
    status = core.encoded("TaskStatus", params(task_id=held.task_id))
    acquired = core.encoded("AcquireNextNode", params(task_id=held.task_id))
    left = shown(acquired, "context", "completed_dependencies", 0, "result_payload")
    event = shown(acquired, "context", "event_journal", 0, "payload", "result")
    assert shown(status, "nodes", 0, "result_payload") == left == event == payload


@given(payload=JSON_TEXT, name=st.sampled_from(["payload", "error_payload"]))
def test_an_error_comes_back(core: Core, payload: bytes, name: str) -> None:
    """An error is shown by TaskStatus as the node's result_payload."""
    held = core.hold(register(core))
    core.encoded("FailNode", params(**held.params, **{name: payload}))
    status = core.encoded("TaskStatus", params(task_id=held.task_id))
    assert shown(status, "nodes", 0, "result_payload") == payload


@pytest.mark.parametrize("payload", ODDITIES, ids=bytes.decode)
def test_an_odd_spelling_comes_back(core: Core, payload: bytes) -> None:
    """Spellings that a parser would lose are kept: signs, exponents, repeated names, escapes."""
    held = core.hold(register(core))
    core.encoded("CompleteNode", params(**held.params, result_payload=payload))
    status = core.encoded("TaskStatus", params(task_id=held.task_id))
    assert shown(status, "nodes", 0, "result_payload") == payload
