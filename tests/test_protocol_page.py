"""docs/protocol.md says what goes over the wire: its tables, its numbers and its session are tried.

Whoever adds a method, a field, a kind of error or an action type and forgets the page is told here
which rows it lacks.
"""

import ast
import json
import re
from collections.abc import Iterator
from inspect import signature

import msgspec
import pytest

from agentd.answers import KEPT_MS
from agentd.api import MOST_LISTED as MOST_ATTEMPTS_LISTED
from agentd.api import MOST_NODES, MOST_SHOWN, RetrySpec
from agentd.api.attempts import LARGEST_ERROR
from agentd.api.pages import MOST_LISTED
from agentd.client.repeats import backoff
from agentd.config import DEFAULT_CONNECT_SECS
from agentd.daemon import acceptor, answer_memory, listener, stall_detector
from agentd.daemon.connection import MOST_IN_FLIGHT
from agentd.daemon.grace import LONGEST_MS
from agentd.daemon.jobs import LARGE, MANY
from agentd.daemon.long_line_permits import LONG, PERMITS
from agentd.daemon.outgoing import BUFFERED
from agentd.daemon.run import DRAIN_SECONDS
from agentd.errors import WIRE_ERRORS
from agentd.events import STATUSES
from agentd.methods import METHODS, Method
from agentd.methods.daemon import PROTOCOL, describe_interface
from agentd.protocol import DEPTH_LIMIT, LINE_LIMIT
from agentd.queries.pages import PAGE_BYTES
from agentd.queries.task_list import MOST_LOOKED_AT
from agentd.unknown_fields import MOST_WARNINGS
from agentd.worker.worker import FIRST_WAIT, LONGEST_WAIT
from tests.daemon_process import REPOSITORY, Connection, DaemonProcess
from tests.documents import blocks, found, quoted, rows, section, text
from tests.protocol_page import (
    PAGE,
    check_table,
    compare,
    every_method,
    filled,
    nested,
    params_of,
    part,
    result_of,
    tables,
)

PACKAGE = REPOSITORY / "agentd"
METHOD_NAMES = [method.name for method in METHODS]
OBJECTS = nested()
LOOKS, HURRIED = stall_detector.LOOKS, stall_detector.LOOKS_IN_A_HURRY

every_method_of_the_table = pytest.mark.parametrize("method", METHODS, ids=METHOD_NAMES)

# The methods


def test_every_method_has_its_part() -> None:
    """The methods of the page are those of the program, in its order."""
    assert found(r"^### (\w+)$", section("Methods", PAGE)) == METHOD_NAMES


@every_method_of_the_table
def test_the_names_of_a_method(method: Method) -> None:
    """A part begins with whether the method is a command or a query, and its other names."""
    told = " ".join(part(method.name).split())
    kind = "query" if method.command is None else "command"
    begins = re.match(r"A (command|query); also ((?:`\w+`(?:, )?)+)\. ", told)
    assert begins, f"### {method.name} does not begin with `A {kind}; also …. `"
    assert (begins[1], quoted(begins[2])) == (kind, method.aliases)


@every_method_of_the_table
def test_what_a_method_takes(method: Method) -> None:
    """The params, with their types, bounds and defaults; `request_id` is told of once for all."""
    check_table(part(method.name), "param", params_of(method))


@every_method_of_the_table
def test_what_a_method_answers(method: Method) -> None:
    """The fields of the result, and whether there may be none."""
    check_table(part(method.name), *result_of(method))


def test_who_refuses_what_is_not_known() -> None:
    """The methods that refuse params that are not known are told by their names."""
    told = re.search(r"by ((?:\w+, )+\w+ and \w+), and so", " ".join(text(PAGE).split()))
    strict = [each for each in METHODS if each.params.__struct_config__.forbid_unknown_fields]
    assert told
    assert re.split(", | and ", told[1]) == [method.name for method in strict]


def test_what_holds_where_nothing_is_said_of_retries() -> None:
    """The table says what the schema says that is not in its defaults."""
    told = {quoted(row[0])[0]: row[-1] for row in tables(text(PAGE))["RetrySpec"]}
    fields = msgspec.json.schema(RetrySpec)["$defs"]["RetrySpec"]["properties"]
    for name, field in fields.items():
        default = re.search(r"(\S+) where it is left out", field["description"])
        assert default
        assert told[name].split()[-1] == default[1]


def test_what_every_method_takes() -> None:
    """The params that are left out in the parts of the methods stand in a table of their own."""
    check_table(section("Safe repeats", PAGE), "param of every method", every_method())


@pytest.mark.parametrize("name", OBJECTS)
def test_the_objects(name: str) -> None:
    """Every object within params and results has a table under the name it has in the schemas."""
    check_table(text(PAGE), name, OBJECTS[name])


def test_no_object_is_told_of_in_vain() -> None:
    """A table with the name of an object is that of one."""
    named = {head for head in tables(text(PAGE)) if re.fullmatch(r"[A-Z]\w+", head)}
    assert named == OBJECTS.keys()


# Errors, edges, events


def test_the_errors() -> None:
    """Every kind of error that a client can see is there with its code."""
    told = [(int(row[0]), *quoted(row[1])) for row in rows(section("Errors", PAGE))]
    assert set(told) == {(error.code, error.kind) for error in WIRE_ERRORS}
    assert len(told) == len(WIRE_ERRORS)


def test_what_errors_carry() -> None:
    """The fields that `data` has besides `kind` are those that the code gives to such a refusal."""
    told = {quoted(row[1])[0]: set(quoted(row[2])) for row in rows(section("Errors", PAGE))}
    given: dict[str, set[str]] = {error.kind: set() for error in WIRE_ERRORS}
    for kind, fields in refusals():
        given[kind] |= fields
    assert told == given


def refusals() -> Iterator[tuple[str, set[str]]]:
    """For every place where a refusal is made, its kind and its fields."""
    kinds = {error.__name__: error.kind for error in WIRE_ERRORS}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(text(path))
        calls = [(node, "") for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for made in ast.walk(tree):
            if isinstance(made, ast.ClassDef):  # a refusal that makes itself
                within = [node for node in ast.walk(made) if isinstance(node, ast.Call)]
                calls += [(call, made.name) for call in within if ast.unparse(call.func) == "cls"]
        for call, owner in calls:
            if kind := kinds.get(owner or ast.unparse(call.func).rpartition(".")[2]):
                yield kind, {each.arg for each in call.keywords if each.arg}


def test_the_edges() -> None:
    """The edges are those of DescribeInterface, between states that there are."""
    table = rows(section("Node states and leases", PAGE))
    told = {quoted(what)[0]: quoted(edge)[0] for what, edge in table}
    assert told == describe_interface([]).state_model.strict_transitions
    assert {state for edge in told.values() for state in edge.split(" -> ")} == set(STATUSES)


def test_the_action_types() -> None:
    """Every action type that TaskEvents can show is told of, with its payload."""
    told = [quoted(row[0])[0] for row in tables(part("TaskEvents"))["action_type"]]
    source = text(PACKAGE / "queries" / "event_fields.py")
    shown = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', source))
    assert set(told) == shown | {"COMMIT_EVENT"}


# The numbers


def test_the_limits() -> None:
    """Each row is known here, and each of its numbers is a constant of the program."""
    most, reserve = acceptor.MOST_CONNECTIONS, acceptor.RESERVE
    connections = f"{most:,}, fewer where `ulimit -Hn` is below {most + reserve:,}"
    tight = f"... where all clients together leave more than {answer_memory.TIGHT:,} bytes unread"
    slow = f"{stall_detector.MOST_LOOKS_IN_A_HURRY}"
    expected = {
        "a line, its newline counted": (f"{LINE_LIMIT:,} bytes",),
        "arrays and objects in one another, the line's own object counted": (f"{DEPTH_LIMIT}",),
        "nodes in one RegisterTask": (f"{MOST_NODES:,}",),
        "`limit` of a page": (f"{MOST_LISTED:,}",),
        "entries on a page": (f"{PAGE_BYTES:,} bytes",),
        "`warnings` of a registration, one an unknown field": (f"{MOST_WARNINGS}",),
        "connections": (connections,),
        "clients that are not let in yet": (f"{listener.BACKLOG:,}",),
        "commands of one connection in work": (f"{MOST_IN_FLIGHT}",),
        f"RegisterTask of {LARGE:,} bytes, or with {MANY:,} objects": ("one at a time",),
        "unread answers of one connection, what its socket holds apart": (f"{BUFFERED:,} bytes",),
        "a client that reads nothing of its answers": (f"{LOOKS + 1} s",),
        tight: (f"{HURRIED + 1} s", slow),
        f"connections that send a line beyond its first {LONG:,} bytes": (
            f"{PERMITS}",
            f"{LONG:,}",
            f"{LOOKS}",
        ),
        "unread and large answers, all clients together": (f"{answer_memory.BYTES:,} bytes",),
        "a stop": (f"{DRAIN_SECONDS:g} s",),
    }
    told = {
        what: (limit, *re.findall(r"\d[\d,]*", beyond))
        for what, limit, beyond in rows(section("Limits", PAGE))
    }
    assert told == expected


def test_the_other_numbers() -> None:
    """What stands in sentences is what the program does, too."""
    page, waits = " ".join(text(PAGE).split()), signature(backoff).parameters
    assert f"`{PROTOCOL}`" in page
    assert f"at most {LINE_LIMIT:,} bytes, its newline counted" in page
    assert f"honoured for {LONGEST_MS // 1000} s more" in page
    assert f"for at least {KEPT_MS // 3_600_000} h" in page
    assert f"try for up to {DEFAULT_CONNECT_SECS} s" in page
    first, longest = (waits[name].default for name in ("first", "longest"))
    assert f"{first * 1000:g} ms at first, then twice as long, up to {longest:g} s" in page
    assert f"after {FIRST_WAIT * 1000:g} ms" in page
    assert f"up to every {LONGEST_WAIT:g} s" in page
    assert f"A call looks at {MOST_LOOKED_AT:,} tasks at most" in page
    assert f"each with the newest {MOST_SHOWN} as `AttemptView`" in page
    assert f"ended: the newest {MOST_SHOWN}, oldest first" in page
    assert f"the newest {MOST_ATTEMPTS_LISTED:,} that ended" in page
    assert f"more than {LARGEST_ERROR:,} bytes" in page


def test_the_depth_of_answers(connection: Connection) -> None:
    """The deepest payload that fits a request nests in a context as deep as the page says."""
    told = re.search(r"nest up to (\d+) deep", section("Limits", PAGE))
    assert told
    first = "d0000000-0000-4000-8000-000000000001"
    nodes = [{"id": first}, {"dependencies": [first]}]
    task_id = connection.call("RegisterTask", goal="deep", initial_nodes=nodes)["task_id"]
    lease_id = connection.call("AcquireNextNode", task_id=task_id)["lease_id"]
    ending = {"task_id": task_id, "node_id": first, "lease_id": lease_id}
    params = json.dumps(ending)[:-1].encode()
    depth = DEPTH_LIMIT - 2  # below the request and its params
    deepest = b"[" * depth + b"]" * depth
    connection.ask(b'{"method":"CompleteNode","params":%b,"payload":%b}}' % (params, deepest))
    answer = connection.ask(
        json.dumps({"method": "AcquireNextNode", "params": {"task_id": task_id}})
    )
    assert depth_of(answer) == int(told[1])


def depth_of(line: bytes) -> int:
    """How deep arrays and objects nest in a line that has no brackets in its strings."""
    depth = deepest = 0
    for byte in line:
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


# The session


def test_the_session(daemon: DaemonProcess) -> None:
    """What the page sends is sent, and what comes back is what stands there, byte for byte.

    Only the times, and the ids that the daemon makes, are others.
    """
    ids: dict[str, str] = {}  # the page's → the daemon's
    lines = blocks(section("A worked session", PAGE), "jsonl")[0].splitlines()
    with daemon.connect() as connection:
        for side, told in ((line[:2], line[2:]) for line in lines):
            if side == "> ":
                connection.send_raw(filled(told, ids).encode() + b"\n")
            else:
                compare(told, connection.read_line().decode(), ids)
        connection.finish_sending()
        assert (side, connection.at_eof()) == ("< ", True)
    assert len(set(ids.values())) == len(ids)


# Where it is pointed at


def test_the_page_is_linked() -> None:
    """Who reads the README or the page of limits finds it."""
    assert "](docs/protocol.md)" in text(REPOSITORY / "README.md")
    assert "](protocol.md" in text(REPOSITORY / "docs" / "operations.md")
