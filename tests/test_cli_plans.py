"""Plans as people, models and other programs write them: each registers as it is, or is told why.

Only `goal` and `nodes` are ours in them. What they say otherwise stays: in the payload, as it was.
"""

import json
from typing import Any

import msgspec
import pytest

from agentd.documents.document import parse, read_document
from agentd.documents.faults import BadDocument

PLANS = {
    "a task list with numbers": (
        """{"goal": "g", "nodes": [
        {"id": 1, "title": "Init", "description": "d", "details": "x", "testStrategy": "t",
         "priority": "high", "dependencies": [], "status": "pending", "subtasks": []},
        {"id": 2, "title": "Schema", "description": "d", "details": "x", "testStrategy": "t",
         "priority": "medium", "dependencies": [1], "status": "pending",
         "subtasks": [{"id": 1, "title": "s", "status": "pending", "dependencies": []}]}]}""",
        {"1": [], "2": ["1"]},
    ),
    "jobs of a build server": (
        """
goal: g
nodes:
  lint: {runs-on: ubuntu-latest, steps: [{run: make lint}]}
  test:
    runs-on: ${{ matrix.os }}
    needs: lint
    strategy: {matrix: {os: [linux, macos], python: [3.11, 3.10]}}
    if: github.ref == 'refs/heads/main'
    env: {CI: true}
    steps:
      - uses: actions/checkout@v4
      - {name: run, run: make test}
  deploy: {runs-on: ubuntu-latest, needs: [lint, test], environment: production, permissions: {}}
""",
        {"lint": [], "test": ["lint"], "deploy": ["lint", "test"]},
    ),
    "operators by name": (
        """
goal: g
description: nightly
nodes:
  extract: {operator: airflow.operators.bash.BashOperator, bash_command: echo 1}
  load:
    operator: airflow.operators.bash.BashOperator
    bash_command: echo 2
    dependencies: [extract]
    trigger_rule: all_success
    pool: db
""",
        {"extract": [], "load": ["extract"]},
    ),
    "issues": (
        """
goal: g
nodes:
- {id: bd-a1b2, title: Parser, description: d, status: open, priority: 1, issue_type: task,
   labels: [core], assignee: null, created_at: '2026-01-31T12:00:00Z', closed_at: null}
- {id: bd-a1b2.1, title: Errors, status: open, priority: 2, issue_type: bug, parent: bd-a1b2,
   estimate: 60, deps: [bd-a1b2]}
""",
        {"bd-a1b2": [], "bd-a1b2.1": ["bd-a1b2"]},
    ),
    "tool calls of a planner": (
        """{"goal": "g", "reasoning": "r", "nodes": [
        {"id": 1, "description": "look", "tool": "search", "args": {"q": "x"}, "dependencies": []},
        {"id": 2, "description": "sum", "tool": null, "args": {}, "dependencies": [1],
         "expected_output": "a number", "confidence": 0.90}]}""",
        {"1": [], "2": ["1"]},
    ),
    "an id to depend on, and a name for people": (
        """
goal: g
nodes:
- {id: T1, name: Set up the database, agent: coder, model: opus, prompt: p, files: [db.sql]}
- {id: T2, name: Write the API, agent: coder, depends_on: [T1], tags: [api], notes: n}
- {id: T3, name: Review, agent: reviewer, depends_on: [T1, Write the API]}
""",
        {
            "Set up the database": [],
            "Write the API": ["Set up the database"],
            "Review": ["Set up the database", "Write the API"],
        },
    ),
    "user stories": (
        """{"goal": "g", "branchName": "ralph/x", "nodes": [
        {"id": "US-001", "title": "t", "description": "d", "acceptanceCriteria": ["typecheck"],
         "priority": 1, "passes": false, "notes": ""}]}""",
        {"US-001": []},
    ),
    "services": (
        """
goal: g
nodes:
  db:
  api: {image: api, depends_on: [db], ports: ['80:80'], command: run, healthcheck: {test: true}}
""",
        {"db": [], "api": ["db"]},
    ),
    "a graph of templates": (
        """
goal: g
nodes:
- {name: A, template: echo, arguments: {parameters: [{name: m, value: A}]}}
- {name: B, dependencies: [A], template: echo, when: always}
""",
        {"A": [], "B": ["A"]},
    ),
    "tasks with front matter": (
        """
goal: g
nodes:
- id: 202601041253-00027
  title: Require it
  status: TODO
  priority: med
  owner: PLANNER
  tags: [workflow]
  verify: [make test]
  depends_on: []
- {id: 202601041253-00028, title: Then, status: not-started, depends_on: 202601041253-00027,
   comments: [{author: A, body: b}], required: true}
""",
        {"202601041253-00027": [], "202601041253-00028": ["202601041253-00027"]},
    ),
    "agents and prompts": (
        """{"goal": "g", "nodes": [
        {"key": "research", "prompt": "p", "agent": "scout", "allowed_tools": ["web"], "deps": []},
        {"key": "write", "prompt": "p", "agent": "author", "dependsOn": ["research"],
         "context": "be short", "acceptance_criteria": ["b"], "max_tokens": 1e3}]}""",
        {"research": [], "write": ["research"]},
    ),
    "tasks of a specification": (
        """
goal: g
nodes:
- {id: T001, title: Create the project, phase: setup, parallel: false, file_paths: [a.py]}
- {id: T002, title: Write tests, phase: tests, parallel: true, deps: T001, estimated_hours: 1.5}
- {id: T003, title: Ship, before: Friday, next: tell them, after: a rest, needs: [T001, T002]}
""",
        {"T001": [], "T002": ["T001"], "T003": ["T001", "T002"]},
    ),
    "titles alone": (
        """
goal: g
nodes:
- title: Find sources
  goal: three of them
- title: Write it up
  needs: Find sources
""",
        {"Find sources": [], "Write it up": ["Find sources"]},
    ),
}


@pytest.mark.parametrize(("written", "edges"), PLANS.values(), ids=PLANS)
def test_it_registers_as_it_is(written: str, edges: dict[str, list[str]]) -> None:
    """Names and edges are understood, and all that is not the daemon's is in the payloads."""
    document = read_document(written.encode(), "f")
    names = document.names
    found = {names[node.id or ""]: node.dependencies for node in document.nodes}
    assert {name: [names[each] for each in needs] for name, needs in found.items()} == edges
    for node, before in zip(document.nodes, _nodes_as_written(written), strict=True):
        payload = msgspec.json.decode(msgspec.json.encode(node.payload_schema))
        assert payload.pop("name") == names[node.id or ""]
        ours = {"dependencies", "depends_on", "dependsOn", "needs", "deps", "priority", "name"}
        kept = {name: value for name, value in before.items() if name not in ours}
        left = set(kept) - set(payload)
        assert {name: kept[name] for name in payload} == payload
        assert left <= {next(iter(each for each in ("id", "key", "title") if each in before), "")}


def _nodes_as_written(written: str) -> list[dict[str, Any]]:
    nodes = json.loads(parse(written.encode(), "f").json)["nodes"]
    return [each or {} for each in (nodes.values() if isinstance(nodes, dict) else nodes)]


TOLD = {
    "status: done": "there is no field `status`: a node begins as PENDING: leave out what is",
    "state: in_progress": "there is no field `state`: a node begins as PENDING",
    "done: true": "there is no field `done`: a node begins as PENDING",
    "Completed: 1": "there is no field `Completed`: a node begins as PENDING",
    "depends: [a]": "there is no field `depends`: did you mean `depends_on`?",
    "blockedBy: [a]": "there is no field `blockedBy`: did you mean `dependencies`? (else",
    "context: [a]": "there is no field `context`: did you mean `dependencies`?",
    "run-after: a": "there is no field `run-after`: did you mean `dependencies`?",
    "before: [a]": "there is no field `before`: did you mean `dependencies` of 'a', on",
    "blocks: [a, x]": "there is no field `blocks`: did you mean `dependencies` of 'a', on",
    "dep: [a]": "there is no field `dep`: did you mean `deps`?",
    "dependency: a": "there is no field `dependency`: did you mean `dependencies`?",
    "retries: 2": "there is no field `retries`: did you mean `attempts`?",
    "timeout-minutes: 5": "there is no field `timeout-minutes`: did you mean `timeout`?",
    "needs: [a], deps: []": "`needs` and `deps` are two names of one field: give one",
    "needs: [{id: a}]": "`needs`: expected a list of names or ids, an object in it",
    "needs: 'a, b'": "`needs`: no node is named 'a, b'; did you mean the list [a, b]?",
    "needs: T-7": "`needs`: no node is named 'T-7'; one has it as its `task_id`, which is",
    "needs: x": "`needs`: several nodes are called 'x': give the name, or the id, of one",
    "needs: 1": "`needs`: no node is named '1'; names there are: a, b, c",
    "payload: {n: 1}, n: 2": "`n` stands in `payload` as well: give one of them",
    "payload: [], n: 2, m: 3": "`payload`: expected an object, where `n`, `m` can stand too, got",
    "payload: 3, n: 2": "`payload`: expected an object, where `n` can stand too, got a number",
}


@pytest.mark.parametrize("field", TOLD)
def test_what_is_told(field: str) -> None:
    """What would be lost or done otherwise than was meant is a fault, and the only one."""
    others = "- {name: a, key: x}\n- {name: b, title: x, task_id: T-7}\n"
    with pytest.raises(BadDocument) as refused:
        read_document(f"goal: g\nnodes:\n{others}- {{name: c, {field}}}\n".encode(), "f")
    assert str(refused.value).startswith(f"f, line 5, node 'c': {TOLD[field]}")
    assert refused.value.faults == ()


PASSES = (
    *(
        "status: open",
        "status: blocked",
        "state: Not started",
        "state: {x: 1}",
        "done: [tests are green]",
        "completed: false",
        "passes: ''",
    ),
    *("after: the release", "next: [x]", "before: 2027", "context: a long text", "parent: a"),
    *("needs: ''", "deps: []", "depends_on: ", "retries: 2, attempts: 3", "blocks: [c]"),
)


@pytest.mark.parametrize("field", PASSES)
def test_what_passes(field: str) -> None:
    """Words that mean something else, or nothing, are nobody's fault."""
    written = f"goal: g\nnodes: [{{name: a}}, {{name: c, {field}}}]\n".encode()
    assert read_document(written, "f").nodes[1].dependencies == []
