"""Fields of nodes that are not known: the registration is taken, and its sender is told."""

from typing import Any

import msgspec
import pytest

from agentd import unknown_fields
from tests.core import Core, open_memory, open_sqlite, spec, uid


def told(*nodes: dict[str, Any]) -> tuple[str, ...]:
    """What the sender of these nodes is told."""
    return unknown_fields.warnings_for_nodes(
        msgspec.Raw(msgspec.json.encode({"initial_nodes": nodes}))
    )


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
    assert (
        unknown_fields.warnings_for_nodes(msgspec.Raw(b'{"goal":"g","nodes":[{"payload":1}]}'))
        == ()
    )
    assert unknown_fields.warnings_for_nodes(msgspec.Raw(b'{"initial_nodes":null}')) == ()


def test_warnings_are_bounded() -> None:
    """In number and length: of the rest there is one, which says how many they are."""
    warnings = told(*({f"{number}" + "\x9b\n" * 1000: 0} for number in range(1_500)))
    assert len(warnings) == unknown_fields.MOST_WARNINGS + 1
    assert warnings[-1].startswith("1,490 more fields")
    assert all(len(warning) < 1_000 and warning.isprintable() for warning in warnings)


def test_a_registration_without_any_has_no_warnings() -> None:
    """Neither its answer nor its record says a word about them."""
    core = Core(open_memory(None))  # type: ignore[arg-type]  # it needs no folder
    assert "warnings" not in core.do("RegisterTask", goal="g", initial_nodes=[spec(1)], other=1)
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
