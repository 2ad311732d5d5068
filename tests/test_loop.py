"""`agentd loop`: a real daemon, real worker processes, real HTTP.

The endpoint is the offline one, or one of the test's own that misbehaves.
"""

import hashlib
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd.loop.agents import AGENTS, DEFAULT_GOAL
from agentd.loop.offline import ChatReply, ChatRequest
from agentd.loop.script import SCRIPT
from tests.command_line import Ended, on_a_terminal
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.loop_endpoint import Endpoint, echoes, endpoint, refuses, says
from tests.loop_run import (
    KEY,
    Json,
    arguments_of,
    data,
    error,
    events,
    loop,
    newest_task,
    pid_of,
    status,
    variables,
)


@pytest.fixture
def there() -> Iterator[Endpoint]:
    """An endpoint that listens."""
    with endpoint() as made:
        yield made


@pytest.fixture(scope="module")
def offline(shared: DaemonProcess) -> tuple[Ended, str]:
    """How an offline run ended, and its task."""
    return loop(shared, "--offline"), newest_task(shared)


def example(daemon: DaemonProcess, *arguments: str, **env: str | None) -> Ended:
    """Run the loop by the script in examples/."""
    ended = subprocess.run(
        [sys.executable, "examples/deepseek_loop.py", *arguments],
        cwd=REPOSITORY,
        env=environment(daemon.home, env),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def own_events(found: list[Json]) -> list[tuple[str, str]]:
    """What the workers noted, and which agent's."""
    return [
        (event["action_type"], event["payload"]["agent"])
        for event in found
        if event["action_type"].startswith("DEEPSEEK_")
    ]


def test_four_agents_reach_their_goal_offline(
    shared: DaemonProcess, offline: tuple[Ended, str]
) -> None:
    """Without a key: four artifacts, each in its node's result, and every step in the journal."""
    ended, task_id = offline
    assert (ended.code, ended.err) == (0, "")
    folder = shared.home / "artifacts" / task_id
    assert {path.name for path in folder.iterdir()} == {agent.file for agent in AGENTS.values()}
    for name, node in status(shared, task_id).items():
        artifact, content = node["result_payload"]["artifact"], (folder / AGENTS[name].file)
        assert artifact["path"] == str(content)
        assert artifact["sha256"] == hashlib.sha256(content.read_bytes()).hexdigest()
        assert artifact["bytes"] == content.stat().st_size
        assert stat.S_IMODE(content.stat().st_mode) == 0o600
    noted = own_events(events(shared, task_id))
    assert sorted(noted) == sorted(
        (what, name)
        for name in AGENTS
        for what in ("DEEPSEEK_REQUEST_STARTED", "DEEPSEEK_RESPONSE")
    )


def test_what_is_journalled(shared: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """Before a request agent and model, after it latency and usage; examples/ has the verb too."""
    ended = example(shared, "--workers", "1", "--json", **variables(there, tmp_path))
    noted = [e for e in events(shared, data(ended)["task_id"]) if "DEEPSEEK" in e["action_type"]]
    began, answered = noted[0]["payload"], noted[1]["payload"]
    assert began == {"agent": "worker-script", "model": "deepseek-v4-flash"}
    assert list(answered) == ["agent", "model", "latency_ms", "usage"]
    assert answered["latency_ms"] >= 0
    assert list(answered["usage"]) == ["prompt_tokens", "completion_tokens", "total_tokens"]
    assert there.agents == list(AGENTS)


def test_prompts_have_what_was_waited_for(
    shared: DaemonProcess, there: Endpoint, tmp_path: Path
) -> None:
    """The goal is in every prompt; the last agent sees the artifacts of the other three."""
    there.faults.extend([says("SCRIPT"), says("CONTRACT"), says("REVIEW"), says("END")])
    goal = 'A goal with "quotes" and [markup]'
    ended = loop(shared, "--workers", "1", "--goal", goal, **variables(there, tmp_path))
    assert ended.code == 0, ended
    prompts = [ask.content("user") for ask in there.asks]
    assert all(goal in prompt for prompt in prompts)
    seen = [re.findall(r"<artifact>\n(\w+)", prompt) for prompt in prompts]
    assert seen == [[], [], ["SCRIPT", "CONTRACT"], ["SCRIPT", "CONTRACT", "REVIEW"]]


def test_an_endpoint_that_has_its_troubles(
    shared: DaemonProcess, there: Endpoint, tmp_path: Path
) -> None:
    """Refusals that pass cost time and nothing else; each is journalled and told."""
    there.faults.extend([refuses(429, "slow down", Retry_After="0")] * 2)
    there.faults.append(refuses(503, "busy", Retry_After="0"))
    ended = loop(shared, **variables(there, tmp_path))
    assert ended.code == 0, ended
    assert "answered 429: slow down" in ended.out
    retried = [
        e for e in events(shared, newest_task(shared)) if e["action_type"] == "DEEPSEEK_RETRY"
    ]
    assert len(retried) == 3
    assert len(there.asks) == 7


def test_a_refusal_fails_the_node(shared: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """The node keeps what happened and what to do; what waits for it stays; the others go on."""
    there.faults.append(refuses(402, "Insufficient Balance"))
    ended = loop(shared, "--workers", "1", "--json", **variables(there, tmp_path))
    task_id = newest_task(shared)
    nodes = status(shared, task_id)
    assert [node["status"] for node in nodes.values()] == [
        "FAILED",
        "COMPLETED",
        "PENDING",
        "PENDING",
    ]
    assert nodes["worker-script"]["result_payload"] == {
        "agent": "worker-script",
        "model": "deepseek-v4-flash",
        "endpoint": there.base_url,
        "attempts": 1,
        "message": "the endpoint answered 402: Insufficient Balance",
        "status": 402,
        "next": "top up the account: its balance is used up",
    }
    assert ended.code == 1
    told = error(ended)
    assert told["kind"] == "loop_failed"
    assert "worker-script: " in told["message"]
    assert "top up the account" in told["message"]
    assert f"`agentd task show {task_id}`" in told["next"]


def test_the_key_is_nowhere(daemon: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """Not in journal, log, artifact, output, error or arguments, though the endpoint repeats it."""
    arguments: list[str] = []

    def look(ask: ChatRequest) -> ChatReply:
        owner = status(daemon, newest_task(daemon))["worker-script"]["lease_owner"]
        arguments.append(arguments_of(pid_of(owner)))
        return says(f"key: {KEY}")(ask)

    there.faults.extend([look, echoes(500), says(f"{KEY}"), echoes(401)])
    ended = loop(daemon, "--workers", "1", **variables(there, tmp_path / "a"))
    assert ended.code == 1
    assert "[key]" in ended.out
    assert daemon.stop() == 0
    left = [path for path in daemon.home.parent.rglob("*") if path.is_file()]
    left += [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"agent_state.db", "home.stderr.log", "worker.py"} <= {path.name for path in left}
    assert [path for path in left if KEY.encode() in path.read_bytes()] == []
    assert "agentd.loop.worker" in arguments[0]
    assert KEY not in ended.out + ended.err + arguments[0]
    assert [ask.headers["Authorization"] for ask in there.asks] == [f"Bearer {KEY}"] * 4


# What a person sees


def test_the_account(shared: DaemonProcess, offline: tuple[Ended, str]) -> None:
    """Who does what, line by line; then the artifacts' paths, one to a line, and a summary."""
    ended, task_id = offline
    lines = ended.out.splitlines()
    assert lines[:2] == [f"task {task_id}", "2 workers, deepseek-v4-flash, scripted answers"]
    told = [line.split()[1:4] for line in lines if re.match(r" *\d+\.\d\ds  worker-", line)]
    assert len({who for who, _, _ in told}) == 2
    assert [about for _, what, about in told if what == "takes"][2:] == [
        "integration-review",
        "synthesis",
    ]
    paths = [line.strip() for line in lines if line.startswith("  /")]
    assert paths == [
        str(shared.home / "artifacts" / task_id / agent.file) for agent in AGENTS.values()
    ]
    assert re.fullmatch(r"4 of 4 artifacts in \d+\.\d s; [\d,]+ tokens in, [\d,]+ out", lines[-1])


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal(
    shared: DaemonProcess, there: Endpoint, tmp_path: Path, columns: int
) -> None:
    """The account fits, what is good is green; reasons and paths are whole, and mean nothing."""
    long = "\x1b[31m[bold]not[/bold] " + "long " * 50
    there.faults.append(refuses(402, long))
    env = variables(there, tmp_path)
    ended = on_a_terminal(shared.home, "loop", "--workers", "1", columns=columns, **env)
    assert ended.code == 1
    assert re.search(r"\x1b\[32m +\d+\.\d\ds  worker-\d+ +completes", ended.out)
    assert "\x1b[31m[bold]" not in ended.out
    account, _, endings = ended.plain.partition("\n\n")
    assert max(map(len, account.splitlines())) == columns
    assert f"\\x1b[31m[bold]not[/bold] {'long ' * 49}long: top up the account" in endings
    assert str(tmp_path / newest_task(shared) / "ipc-contract.md") in endings


def test_without_colour(shared: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """NO_COLOR is honoured."""
    env = variables(there, tmp_path)
    ended = on_a_terminal(shared.home, "loop", columns=80, **env, NO_COLOR="1")
    assert ended.code == 0
    assert "\x1b[3" not in ended.out


def test_an_artifact_that_was_cut(shared: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """It says so itself, and so does the account."""
    ended = loop(shared, "--max-tokens", "20", **variables(there, tmp_path))
    assert ended.out.count("cut off at DEEPSEEK_MAX_TOKENS") == 4
    made = tmp_path / newest_task(shared) / "worker.py"
    assert made.read_text().endswith("\n# Cut off after 20 tokens.\n")


def test_a_task_that_has_ended(shared: DaemonProcess, there: Endpoint, tmp_path: Path) -> None:
    """It is shown again, without a request; what became of its artifacts is seen."""
    env = variables(there, tmp_path)
    first = data(loop(shared, "--json", **env))
    assert (first["goal"], first["counts"]) == (DEFAULT_GOAL, {"COMPLETED": 4})
    again = loop(shared, "--json", "--task", first["task_id"], **env)
    assert {**data(again), "seconds": 0} == {**first, "seconds": 0}
    (tmp_path / first["task_id"] / "worker.py").write_text("changed")
    changed = error(loop(shared, "--json", "--task", first["task_id"], **env))
    assert "worker.py was changed since" in changed["message"]
    assert len(there.asks) == 4


# The other way in


def test_the_demo(tmp_path: Path) -> None:
    """`make demo-agents` brings its daemon, shows what was written, and leaves nothing behind."""
    ended = subprocess.run(
        [sys.executable, "-m", "examples.demo_agents"],
        cwd=REPOSITORY,
        env=environment(tmp_path / "home", {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert "4 of 4 artifacts" in ended.stdout
    assert SCRIPT["synthesis"].splitlines()[2] in ended.stdout
    [home] = re.findall(r"Everything happens in (\S+),", ended.stdout)
    assert not Path(home).exists()
