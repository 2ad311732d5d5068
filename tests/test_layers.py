"""Which room may import which, and what stays out of the pure rooms.

The rule this file keeps: the table below is the house's plan. Who moves a wall changes it here, and
everybody sees the plan change.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import agentd

PACKAGE = Path(agentd.__file__).parent

PURE: dict[str, set[str]] = {
    "text": set(),
    "suggestion": set(),
    "errors": set(),
    "events": set(),
    "lock_keys": set(),
    "journal": {"errors", "events"},
    "lifecycle": {"errors", "events"},
    "graph": {"errors"},
    "projections": {"events", "journal", "lock_keys"},
    "api": {"events", "lock_keys"},
    "answers": {"api", "errors"},
    "causes": {"api", "projections"},
    "decide": {
        "api",
        "causes",
        "errors",
        "events",
        "graph",
        "journal",
        "lifecycle",
        "projections",
    },
    "broken_line": set(),
    "protocol": {"broken_line", "errors"},
    "label": set(),
    "agent_name": set(),
    "references": {"api", "errors", "label"},
    "node_labels": {"api", "label", "references"},
    "states": set(),
    "task_progress": {"quantities", "states"},
    "quantities": set(),
    "times": set(),
    "drawing": {"errors", "states", "text"},
    "durations": set(),
    "loopback": set(),
    "server_url": {"suggestion"},
    "proof": set(),
    "progress": set(),
}
TABLE: dict[str, set[str]] = {
    "queries": {"api", "causes", "errors", "events", "journal", "projections", "store"},
    "status_stream": {"api", "errors", "events", "projections", "queries", "store"},
    "methods": {
        "agentd",
        "api",
        "decide",
        "errors",
        "events",
        "journal",
        "lifecycle",
        "projections",
        "queries",
        "status_stream",
        "store",
    },
    "unknown_fields": {"api", "suggestion", "text"},
    "decoding": {"api", "errors", "methods", "protocol", "text", "unknown_fields"},
}
EFFECTS: dict[str, set[str]] = {
    "store": {
        "answers",
        "database_files",
        "durable",
        "errors",
        "events",
        "holders",
        "journal",
        "lock_keys",
        "projections",
        "text",
    },
    "transact": {
        "answers",
        "api",
        "decide",
        "errors",
        "events",
        "journal",
        "methods",
        "projections",
        "store",
    },
    "replay": {
        "api",
        "errors",
        "events",
        "journal",
        "lifecycle",
        "progress",
        "projections",
        "queries",
        "store",
    },
    "rehearsal": {
        "api",
        "causes",
        "decide",
        "durations",
        "errors",
        "events",
        "journal",
        "methods",
        "projections",
        "queries",
        "store",
        "suggestion",
        "text",
        "times",
        "transact",
    },
    "move": {"errors", "journal", "progress", "projections", "replay", "store"},
    "earlier": {
        "api",
        "decide",
        "errors",
        "events",
        "graph",
        "journal",
        "lock_keys",
        "methods",
        "progress",
        "projections",
        "queries",
        "store",
        "transact",
    },
    "backup": {
        "database_files",
        "durable",
        "errors",
        "move",
        "progress",
        "projections",
        "replay",
        "store",
    },
    "logfilter": {"errors"},
    "json_log": {"text"},
    "config": {"errors", "logfilter", "loopback", "server_url", "text"},
    "peers": set(),
    "socket_path": set(),
    "holders": set(),
    "processes": set(),
    "own_program": set(),
    "database_files": set(),
    "durable": set(),
    "secret_file": {"durable", "errors", "proof"},
    "traces": {"api", "errors", "text"},
    "client": {
        "api",
        "config",
        "errors",
        "holders",
        "lock_keys",
        "loopback",
        "own_program",
        "peers",
        "proof",
        "protocol",
        "secret_file",
        "socket_path",
        "text",
        "traces",
    },
    "figures": {"api", "client", "errors", "events", "loopback", "text"},
    "inbox": {"api", "client", "label", "quantities", "states", "times"},
    "live": {"api", "client", "errors", "inbox", "node_labels", "references", "states", "text"},
    "documents": {
        "api",
        "client",
        "durations",
        "errors",
        "graph",
        "references",
        "suggestion",
        "text",
    },
    "plans": {
        "api",
        "client",
        "documents",
        "durations",
        "errors",
        "progress",
        "suggestion",
        "text",
    },
    "mcp": {
        "agent_name",
        "agentd",
        "api",
        "client",
        "config",
        "documents",
        "errors",
        "json_log",
        "inbox",
        "label",
        "lock_keys",
        "processes",
        "references",
        "suggestion",
        "text",
    },
    "ui": {
        "api",
        "client",
        "config",
        "errors",
        "label",
        "live",
        "loopback",
        "node_labels",
        "quantities",
        "references",
        "results",
        "states",
        "text",
        "times",
        "worker",
    },
    "results": {"durable"},
    "top": {
        "api",
        "client",
        "drawing",
        "errors",
        "inbox",
        "label",
        "live",
        "node_labels",
        "quantities",
        "results",
        "states",
        "task_progress",
        "text",
        "times",
    },
    "worker": {
        "api",
        "client",
        "config",
        "errors",
        "label",
        "protocol",
        "results",
        "text",
        "traces",
    },
    "loop": {"agentd", "api", "client", "config", "durable", "errors", "traces", "worker"},
    "daemon": {
        "agentd",
        "api",
        "backup",
        "config",
        "database_files",
        "decide",
        "decoding",
        "errors",
        "events",
        "figures",
        "holders",
        "journal",
        "json_log",
        "lock_keys",
        "logfilter",
        "loopback",
        "methods",
        "peers",
        "progress",
        "projections",
        "proof",
        "protocol",
        "queries",
        "secret_file",
        "server_url",
        "socket_path",
        "status_stream",
        "store",
        "text",
        "transact",
    },
    "setup": {"durable", "errors", "own_program", "text"},
    "doctor": {
        "client",
        "config",
        "daemon",
        "database_files",
        "errors",
        "holders",
        "logfilter",
        "loopback",
        "peers",
        "progress",
        "replay",
        "secret_file",
        "server_url",
        "setup",
        "socket_path",
        "store",
        "text",
    },
    "service": {
        "agentd",
        "client",
        "config",
        "daemon",
        "durable",
        "errors",
        "own_program",
        "server_url",
        "socket_path",
        "text",
    },
    "cli": {
        "agent_name",
        "agentd",
        "api",
        "backup",
        "client",
        "config",
        "daemon",
        "decide",
        "doctor",
        "documents",
        "drawing",
        "durable",
        "durations",
        "earlier",
        "errors",
        "events",
        "figures",
        "journal",
        "json_log",
        "inbox",
        "label",
        "lock_keys",
        "logfilter",
        "loop",
        "mcp",
        "loopback",
        "methods",
        "move",
        "node_labels",
        "own_program",
        "plans",
        "processes",
        "progress",
        "quantities",
        "references",
        "rehearsal",
        "replay",
        "results",
        "server_url",
        "service",
        "setup",
        "states",
        "store",
        "suggestion",
        "task_progress",
        "text",
        "times",
        "traces",
        "ui",
        "top",
        "worker",
    },
    "__main__": {"cli"},
}
# What the package itself offers, late, to those who import it.
OFFERED: dict[str, set[str]] = {"agentd": {"client", "errors", "worker"}}
ROOMS = {**OFFERED, **PURE, **TABLE, **EFFECTS}

BANNED = {"apsw", "asyncio", "socket", "os", "time", "random", "uuid"}
"""Clock, randomness and I/O: in the pure rooms and the table these are arguments."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def name(path: Path) -> str:
    """The module's name below agentd, with dots: `store.sql.reader`, or "" for agentd itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room(module: str) -> str:
    """The room that a module below agentd belongs to."""
    return module.partition(".")[0] or "agentd"


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, by its full name; conditional and late imports count."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            # `from agentd import x` imports the module x where there is one.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    """The other rooms that a file imports from."""
    found = set()
    for imported in imports(path):
        top, _, below = imported.partition(".")
        if top == "agentd":
            is_module = (PACKAGE / room(below)).exists() or (PACKAGE / f"{room(below)}.py").exists()
            found.add(room(below) if is_module else "agentd")
    return found - {room(name(path))}


def files_imported(path: Path) -> set[str]:
    """The other modules of agentd that a file imports, each by its name below agentd."""
    found = set()
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] == "agentd":
            while parts[1:] and ".".join(parts[1:]) not in NAMES:
                parts.pop()  # what the module offers
            found.add(".".join(parts[1:]))
    return found - {name(path)}


def top_levels(path: Path) -> set[str]:
    """The top-level packages that a file imports."""
    return {imported.partition(".")[0] for imported in imports(path)}


NAMES = set(map(name, MODULES))

each_module = pytest.mark.parametrize("path", MODULES, ids=name)


@each_module
def test_every_module_has_a_room(path: Path) -> None:
    """A new file stands in the plan."""
    assert room(name(path)) in ROOMS


@each_module
def test_a_room_imports_what_the_plan_allows(path: Path) -> None:
    """A module imports from the rooms that the plan lists for its own, and from no other."""
    assert rooms_imported(path) - ROOMS[room(name(path))] == set()


def test_the_plan_has_no_way_back() -> None:
    """Following imports never leads back to the room that one came from."""
    assert list(TopologicalSorter(ROOMS).static_order())


def test_no_two_files_import_each_other() -> None:
    """Following imports never leads back to the file that one came from."""
    files = {name(path): files_imported(path) for path in MODULES}
    assert list(TopologicalSorter(files).static_order())


@pytest.mark.parametrize("path", [p for p in MODULES if room(name(p)) in {*PURE, *TABLE}], ids=name)
def test_pure_rooms_know_no_clock_no_chance_and_no_io(path: Path) -> None:
    """What is banned comes into the pure rooms as an argument, never as an import."""
    assert top_levels(path) & BANNED == set()


@each_module
def test_one_room_knows_each_engine(path: Path) -> None:
    """Only store/sqlite imports apsw, and only store/postgres psycopg."""
    for room_of_one, driver in (("store.sqlite", "apsw"), ("store.postgres", "psycopg")):
        if not name(path).startswith(room_of_one):
            assert driver not in top_levels(path)


@each_module
def test_nothing_outside_the_store_knows_sql(path: Path) -> None:
    """No other database driver comes in by another door."""
    assert "sqlite3" not in top_levels(path)


def test_engines_are_chosen_by_nobody_in_the_core() -> None:
    """The core is written against `store`; only effects name an engine."""
    core = {*PURE, *TABLE, "transact"}
    engines = ("agentd.store.sqlite", "agentd.store.memory")
    named = {
        name(path)
        for path in MODULES
        if room(name(path)) in core and any(i.startswith(engines) for i in imports(path))
    }
    assert named == set()


def test_the_check_sees_imports(tmp_path: Path) -> None:
    """Late, conditional, renamed and dotted imports are all seen."""
    path = tmp_path / "example.py"
    path.write_text(
        "import os.path as p\n"
        "def f():\n    from time import time\n"
        "if 0:\n    from agentd import decide\n    import agentd.store.sqlite\n"
    )
    assert set(imports(path)) == {
        "os.path",
        "time.time",
        "agentd.decide",
        "agentd.store.sqlite",
    }
    assert top_levels(path) & BANNED == {"os", "time"}
    assert BANNED - {"apsw"} <= sys.stdlib_module_names
