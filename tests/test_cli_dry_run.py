"""`agentd task register --dry-run` and `--key`: a look before, and a repeat without harm."""

import json
from functools import partial
from pathlib import Path

import pytest

from agentd.cli.task import register
from agentd.client import Client
from agentd.documents.document import read_document
from agentd.documents.waves import waves
from tests.command_line import agentd_here, on_a_terminal_here
from tests.daemon_process import DaemonProcess
from tests.fake_daemon import fake_daemon, says_nothing
from tests.graphs import DIAMOND

REGISTER = ("task", "register", "-")


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A file with a plan."""
    path = tmp_path / "plan.yaml"
    text = DIAMOND.replace("{command: make}", "{command: make}\n    owner: me")
    path.write_text(f"repository: /src\n{text}")
    return str(path)


def test_a_dry_run_in_a_pipe(home: Path) -> None:
    """Wave, name and what it waits for, a line each; no daemon is asked, and no id is printed."""
    ended = agentd_here(home, *REGISTER, "--dry-run", stdin=DIAMOND.encode())
    assert ended == (0, "1\tplan\t\n2\tbuild\tplan\n2\tdocs\tplan\n3\tpublish\tbuild,docs\n", "")


def test_a_dry_run_for_programs(home: Path) -> None:
    """With `--json` what stands in each payload, nodes without a name by their number."""
    written = b"goal: g\nnote: n\nnodes: [{id: 1, do: x}, {needs: 1, requires: ['1']}]"
    ended = agentd_here(home, *REGISTER, "--dry-run", "--json", stdin=written)
    data = json.loads(ended.out)["data"]
    [warning] = data.pop("warnings")
    assert "'1' is a node too; did you mean `dependencies`?" in warning
    assert data == {
        "goal": "g",
        "context": {"note": "n"},
        "nodes": [
            {"name": "1", "dependencies": [], "payload": {"name": "1", "do": "x"}},
            {"name": None, "dependencies": ["1"], "payload": {}},
        ],
        "waves": [["1"], ["#2"]],
    }


def test_a_dry_run_on_a_terminal(home: Path, plan: str) -> None:
    """The graph as it will be drawn, and below it the waves."""
    shown = on_a_terminal_here(home, "task", "register", plan, "--dry-run")
    assert shown.code == 0
    assert shown.width <= 80
    assert shown.plain.splitlines() == [
        "Ship it",
        "4 nodes in 3 waves; nothing is registered: this is a dry run",
        "kept in the payloads: owner (1)",
        "kept in the context: repository",
        "",
        "◎    runnable   plan",
        "├─╮",
        "○ │  PENDING    build",
        "│ ○  PENDING    docs",
        "├─╯",
        "○    PENDING    publish",
        "",
        "wave 1 (1): plan",
        "wave 2 (2): build, docs",
        "wave 3 (1): publish",
    ]


def test_gates_in_a_dry_run(home: Path, tmp_path: Path) -> None:
    """Where the work will stop for somebody is seen in the graph."""
    path = tmp_path / "plan.yaml"
    nodes = "{a: {gate: 'Go?'}, b: {needs: a, gate: 'Ship?'}, c: {needs: b}}"
    path.write_text(f"goal: g\nnodes: {nodes}")
    lines = on_a_terminal_here(home, "task", "register", str(path), "--dry-run").plain.splitlines()
    assert lines[3:6] == ["◇  gate       a", "○  PENDING    b (gate)", "○  PENDING    c"]


def test_a_dry_run_of_what_is_too_large(home: Path, tmp_path: Path) -> None:
    """A graph that cannot be drawn has its waves; a request that cannot be sent is refused."""
    path = tmp_path / "plan.json"
    nodes = [{"name": f"n{number}"} for number in range(501)]
    path.write_text(json.dumps({"goal": "g", "nodes": nodes}))
    shown = on_a_terminal_here(home, "task", "register", str(path), "--dry-run")
    assert "the graph is too large to be drawn here" in shown.plain
    assert shown.plain.splitlines()[-1].startswith("wave 1 (501): n0, n1, ")
    path.write_text(json.dumps({"goal": "g", "nodes": [{"prompt": "x" * 1_048_576}]}))
    ended = agentd_here(home, "task", "register", str(path), "--dry-run")
    assert ended.code == 1
    assert "1 nodes: the request has 1" in ended.error


def test_a_dry_run_finds_faults(home: Path) -> None:
    """A plan that could not be registered has no picture."""
    ended = agentd_here(home, *REGISTER, "--dry-run", stdin=b"goal: g\nnodes: [{needs: x}]")
    assert (ended.code, ended.out) == (2, "")


def test_waves_stand_as_they_are_handed_out() -> None:
    """The first is higher in priority, or else earlier in the file."""
    written = (
        b"goal: g\npriority: 1\nnodes: [{name: a, priority: 0}, {name: b}, {name: c, priority: 9}]"
    )
    document = read_document(written, "f")
    [wave] = waves(document.nodes, document.priority)
    assert [node.name for node in wave] == ["c", "b", "a"]


# Again


def test_a_key_makes_a_repeat_harmless(daemon: DaemonProcess, plan: str) -> None:
    """The second time says that it is there, on standard error, and prints the same id."""
    key = ("task", "register", plan, "--key", "it's nightly")
    first, second = agentd_here(daemon.home, *key), agentd_here(daemon.home, *key)
    assert (first.code, first.err) == (0, "")
    assert (second.code, second.out) == (0, first.out)
    assert second.error.startswith('agentd: already there: a task with the key "it\'s nightly"')
    data = json.loads(agentd_here(daemon.home, *key, "--json").out)["data"]
    assert (data["task_id"], data["existing"]) == (first.out.strip(), True)
    shown = on_a_terminal_here(daemon.home, *key)
    assert shown.plain.splitlines()[-1] == f"task   {first.out.strip()}"
    assert agentd_here(daemon.home, "task", "cancel", first.out.strip()).code == 0
    assert agentd_here(daemon.home, *key).out != first.out


def test_a_key_in_the_file_and_another_beside_it(home: Path) -> None:
    """One of them was not meant."""
    written = f"dedupe_key: mine\n{DIAMOND}".encode()
    ended = agentd_here(home, *REGISTER, "--key", "yours", stdin=written)
    assert (ended.code, "`dedupe_key`: mine here, and yours on" in ended.error) == (2, True)
    assert agentd_here(home, *REGISTER, "--key", "mine", "--dry-run", stdin=written).code == 0
    ended = agentd_here(home, *REGISTER, "--key", "", stdin=DIAMOND.encode())
    assert (ended.code, ended.error) == (2, "agentd: --key '': expected 1 to 256 characters")


def test_a_key_is_part_of_the_repeat(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that is safe where the answer is lost names it."""
    monkeypatch.setattr(register, "Client", partial(Client, timeout=0.2))
    home.mkdir()
    with fake_daemon(home / "agentd.sock", says_nothing):
        ended = agentd_here(home, *REGISTER, "--key", "a b", stdin=DIAMOND.encode())
    assert "`agentd task register - --key 'a b' --request-id " in ended.error
