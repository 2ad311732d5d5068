"""Fields that are not known: the registration is taken, and its sender is told."""

from typing import Any

import msgspec
import pytest

from agentd import unknown
from tests.core import Core, open_memory, open_sqlite, spec, uid


def told(*nodes: dict[str, Any]) -> tuple[str, ...]:
    """What the sender of these nodes is told."""
    return unknown.warnings(msgspec.Raw(msgspec.json.encode({"initial_nodes": nodes})))


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("payload", "payload_schema"),
        ("depends_on", "dependencies"),
        ("Dependencies", "dependencies"),
        ("ID", "id"),
        ("prompt", "a node has id, dependencies, payload_schema"),
    ],
)
def test_a_field_is_told_with_the_closest_known_one(field: str, meant: str) -> None:
    """The warning names the field, its first node, and what may have been meant."""
    [warning] = told(spec(1), {field: 1}, {field: 2}, {})
    assert f'"{field}"' in warning
    assert "`$.initial_nodes[1]` and of 1 more" in warning
    assert meant in warning


def test_known_fields_are_not_told() -> None:
    """Whatever is in them."""
    assert told(spec(1, 2, payload_schema={"payload": 1}), {}, {"id": None}) == ()
    known = b'{"goal":"g","context":{"nodes":1},"request_id":null,"initial_nodes":[]}'
    assert unknown.warnings(msgspec.Raw(known)) == ()
    assert unknown.warnings(msgspec.Raw(b'{"initial_nodes":null}')) == ()


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("nodes", "`initial_nodes`"),
        ("initialNodes", "`initial_nodes`"),
        ("ctx", "`context`"),
        ("ttl", "a registration has goal, context, initial_nodes, request_id"),
    ],
)
def test_a_field_of_the_registration_is_told(field: str, meant: str) -> None:
    """All the nodes of a task may be in a field of another name, and the task is without any."""
    core = Core(open_memory(None))  # type: ignore[arg-type]  # it needs no folder
    answer = core.do("RegisterTask", goal="g", **{field: [{"payload": 1}]})
    assert answer["node_ids"] == []
    [warning] = answer["warnings"]
    assert f'the field "{field}" of `$` is not known and was ignored: ' in warning
    assert meant in warning


def test_warnings_are_bounded() -> None:
    """In number and length: of the rest there is one, which says how many they are."""
    warnings = told(*({f"{number}" + "\x9b\n" * 1000: 0} for number in range(1_500)))
    assert len(warnings) == unknown.MOST_WARNINGS + 1
    assert warnings[-1].startswith("1,490 more fields")
    assert all(len(warning) < 1_000 and warning.isprintable() for warning in warnings)


def test_a_registration_without_any_has_no_warnings() -> None:
    """Neither its answer nor its record says a word about them."""
    core = Core(open_memory(None))  # type: ignore[arg-type]  # it needs no folder
    assert "warnings" not in core.do("RegisterTask", goal="g", initial_nodes=[spec(1)])
    assert core.journal()[0].data == b'{"goal":"g","node_count":1}'


def test_a_repeat_is_told_the_same(tmp_path: Any) -> None:
    """With its request_id it has the same answer, in another life of the daemon too."""
    asked = {"goal": "g", "initial_nodes": [{"payload": {"a": 1}}], "request_id": uid(7)}
    core = Core(open_sqlite(tmp_path))
    answer = core.do("RegisterTask", **asked)
    assert len(answer["warnings"]) == 1
    assert core.do("RegisterTask", **asked) == answer
    core.store.close()
    core = Core(open_sqlite(tmp_path))
    assert core.do("RegisterTask", **asked) == answer
    core.store.close()
