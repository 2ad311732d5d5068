"""`agentd work` fails no node for what is not the node's fault, and few for a broken command."""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd import Client
from tests.command_line import AGENTD, Ended, agentd
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY, DaemonProcess, environment
from tests.working import node, task, work, working


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


# The command line


@pytest.mark.parametrize("flags", [[], ["--all"], ["--task", "TASK"], ["--task", "TASK", "--"]])
def test_a_command_without_its_dashes(
    shared: DaemonProcess, client: Client, flags: list[str]
) -> None:
    """A command that does not stand behind `--` is refused, and no node is touched."""
    task_id = task(client, 1)
    given = [flag.replace("TASK", task_id) for flag in flags]
    words = [] if "--" in given else ["echo", "hi"]
    ended = agentd(shared.home, "work", *given, *words)
    assert ended.code == 2
    assert "behind `--`, as in `agentd work --task ID -- echo hi`" in ended.err
    assert node(client, task_id).status == "PENDING"


def test_a_command_without_a_task(shared: DaemonProcess, client: Client) -> None:
    """Whose nodes it takes has to be said: one task's, or everybody's."""
    task_id = task(client, 1)
    ended = agentd(shared.home, "work", "--", "echo", "hi")
    assert ended.code == 2
    assert "--task --all is required" in ended.err
    both = agentd(shared.home, "work", "--all", "--task", task_id, "--", "echo", "hi")
    assert both.code == 2
    assert node(client, task_id).status == "PENDING"


def test_options_of_the_command(shared: DaemonProcess, client: Client) -> None:
    """What stands behind `--` is the command's, options of agentd's own name included."""
    task_id = task(client, 1)
    ended = agentd(shared.home, "work", "--task", task_id, "--", "echo", "--json", "--", "-h")
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 0 given back, 0 lost\n")
    assert bytes(node(client, task_id).result_payload) == b'"--json -- -h"'


# A command that fails whatever it gets


def test_three_failures_in_a_row(shared: DaemonProcess, client: Client) -> None:
    """They stop the worker, which says what it saw; the other nodes are left for a better one."""
    task_id = task(client, *range(5))
    ended = work(shared, task_id, "echo no such model >&2; exit 4")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1] == (
        "agentd: stopped (0 completed, 3 failed, 0 given back, 0 lost): failed nodes in a row: 3, "
        "the last one with exit code 4: no such model; look at the command: sh -c 'echo no such "
        "model >&2; exit 4'; `--max-failures` says how many may, 0 for all"
    )
    assert client.task_status(task_id).counts == {"FAILED": 3, "PENDING": 2}


def test_a_worker_that_stops_tells_programs(shared: DaemonProcess, client: Client) -> None:
    """With --json the reason is in the envelope, under a kind of its own."""
    task_id = task(client, 1, 2)
    ended = work(shared, task_id, "exit 4", "--json", "--max-failures", "1")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (1, "worker_stopped")
    assert "failed nodes in a row: 1, the last one with exit code 4;" in error["message"]
    assert client.task_status(task_id).counts == {"FAILED": 1, "PENDING": 1}


@pytest.mark.parametrize("script", ["exit 4", "exec sleep 600"], ids=["fails", "is too late"])
def test_failures_at_the_same_time(shared: DaemonProcess, client: Client, script: str) -> None:
    """However many commands fail together, no more nodes than that are failed."""
    task_id = task(client, *range(6))
    flags = ("--concurrency", "6", "--max-failures", "2", "--timeout", "2s")
    ended = work(shared, task_id, script, *flags)
    assert ended.code == 1
    assert "failed nodes in a row: 2" in ended.err
    assert client.task_status(task_id).counts["FAILED"] == 2


def test_a_success_between_failures(shared: DaemonProcess, client: Client) -> None:
    """Nodes that fail on their own account, one now and then, stop nobody."""
    task_id = task(client, *"abcXabcX")
    ended = work(shared, task_id, 'grep -q \'"payload_schema":"X"\'', "--max-failures", "4")
    assert ended.out.splitlines()[0] == "2 completed, 6 failed, 0 given back, 0 lost"


def test_one_node_that_fails_again_and_again(shared: DaemonProcess, client: Client) -> None:
    """Its own attempts stop nobody: it is one node, and has as many as it was given."""
    retry = {"max_attempts": 5, "backoff_secs": 0}
    nodes: list[dict[str, Any]] = [{"retry": retry}, {"priority": -1}]
    task_id = client.register_task("work", initial_nodes=nodes).task_id
    flaky = node(client, task_id).id
    ended = work(shared, task_id, f"[ $AGENTD_NODE_ID != {flaky} ]", "--max-failures", "2")
    assert ended.out.splitlines()[0] == "1 completed, 5 failed, 0 given back, 0 lost"
    assert client.task_status(task_id).counts == {"FAILED": 1, "COMPLETED": 1}


def test_leases_that_are_lost_in_a_row(fleeting: DaemonProcess, tmp_path: Path) -> None:
    """A command that is too late each time is not run for ever; its node is nobody's fault."""
    with Client(fleeting.socket_path) as client:
        task_id = task(client, 1)
        (tmp_path / "runs").touch()
        ended = work(fleeting, task_id, f"echo >> {tmp_path}/runs; sleep 30")
        assert node(client, task_id).status != "FAILED"
        events = client.task_events(task_id, after=0).events
    assert [each.action_type for each in events].count("ACQUIRE_NODE") == 4
    assert (ended.code, ended.out) == (1, "")
    # The node that came last is given back, where a busy machine is in time for that.
    assert re.match(
        r"agentd: stopped \(0 completed, 0 failed, (1 given back, 3|0 given back, 4) lost\): "
        "lost 3 leases in a row: ",
        ended.err.splitlines()[-1],
    )
    # A command that is ended before a busy machine has begun it leaves no line.
    assert len((tmp_path / "runs").read_text()) <= 3


def test_nodes_that_the_command_gives_back(
    shared: DaemonProcess, client: Client, tmp_path: Path
) -> None:
    """A quota that is used up, say, stops no worker: the nodes are its again when there is room."""
    task_id = task(client, *range(4))
    agentd_ = shlex.join(AGENTD)
    script = (
        f'mkdir "{tmp_path}/$AGENTD_NODE_ID" || exit 0; '
        f"{agentd_} node release $AGENTD_TASK_ID $AGENTD_NODE_ID $AGENTD_LEASE_ID --after 1; exit 4"
    )
    ended = work(shared, task_id, script, "--concurrency", "4")
    assert (ended.code, ended.out) == (0, "4 completed, 0 failed, 0 given back, 4 lost\n")
    assert ": it was given back, and not by its worker" in ended.err
    assert client.task_status(task_id).counts == {"COMPLETED": 4}


def test_failures_without_end(shared: DaemonProcess, client: Client) -> None:
    """With 0 it goes on whatever happens."""
    task_id = task(client, *range(5))
    ended = work(shared, task_id, "exit 1", "--max-failures", "0")
    assert ended.out.splitlines()[0] == "0 completed, 5 failed, 0 given back, 0 lost"


@pytest.mark.parametrize(
    ("script", "said"),
    [("no-such-program --fast", "not found"), ("exec /dev/null", "denied")],
)
def test_a_program_that_is_not_there(
    shared: DaemonProcess, client: Client, script: str, said: str
) -> None:
    """What a shell cannot find or run is not the node's fault: it goes back, the worker stops."""
    task_id = task(client, 1, 2)
    ended = work(shared, task_id, script)
    assert (ended.code, ended.out) == (1, "")
    *_, told = ended.err.splitlines()
    assert "a program that the command needs was not found or cannot be run: exit code 12" in told
    assert said in told
    assert client.task_status(task_id).counts == {"PENDING": 2}


# Signals


def is_over(process_id: int) -> bool:
    """Whether a process has ended, waited for or not."""
    asked = ["ps", "-o", "stat=", "-p", str(process_id)]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout[:1] in {
        "",
        "Z",
    }


ENDS = {
    **{
        f"exit {code}": f"trap 'exit {code}' TERM INT; sleep 60 & wait" for code in (0, 1, 130, 143)
    },
    "killed": "exec sleep 60",
}


@pytest.mark.parametrize("script", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_both(
    shared: DaemonProcess, client: Client, number: signal.Signals, script: str
) -> None:
    """A command that is told to stop with its worker fails nothing and completes nothing."""
    task_id = task(client, 1)
    with working(shared, task_id, f"echo begins >&2; echo $$ >&2; {script}") as process:
        assert process.stderr is not None
        command = int(process.stderr.readline().rpartition(" ")[2])
        process.send_signal(signal.SIGSTOP)  # so that both have ended or are told at once
        process.send_signal(number)
        deadline = time.monotonic() + 10
        while not is_over(command) and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):  # it has ended by now
                os.killpg(command, signal.SIGTERM)  # again: it may not have set its trap yet
            time.sleep(0.05)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == (0 if number is signal.SIGTERM else 130)
    assert "completed, 1 failed" not in out
    assert "back: its worker was stopped" in err
    assert node(client, task_id).status == "PENDING"


WAITS_LONGER = """
import sys
from agentd.cli import main
from agentd.worker import command

command.SIGNAL_SPREAD_SECONDS = 2.5
sys.exit(main(sys.argv[1:]))
"""
"""A busy machine does not tell two processes of one signal in a quarter of a second."""


def test_a_command_that_hears_it_first(shared: DaemonProcess, client: Client) -> None:
    """A command that fails has its worker wait a moment: the same signal may be on its way."""
    task_id = task(client, 1)
    command = [sys.executable, "-c", WAITS_LONGER, "work", "--task", task_id]
    with subprocess.Popen(
        [*command, "--", "sh", "-c", "echo ends >&2; exit 1"],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("ends\n")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert node(client, task_id).status == "PENDING"


# The working directory


def work_in(
    place: Path, shared: DaemonProcess, task_id: str, script: str, before: str = "true"
) -> Ended:
    """Work on that task in that directory, which the script, and what is done before, remove."""
    place.mkdir()
    command = [*AGENTD, "work", "--task", task_id, "--", "sh", "-c", script]
    variables: dict[str, str | None] = {"PYTHONPATH": str(REPOSITORY), "PLACE": str(place)}
    ended = subprocess.run(
        ["/bin/sh", "-c", f'cd "$PLACE" && {before} && exec "$@"', "sh", *command],
        env=environment(shared.home, variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        ('rmdir "$PLACE"', {"PENDING": 1, "COMPLETED": 1}),
        ('rmdir "$PLACE"; mkdir "$PLACE"; exit 1', {"PENDING": 2}),
    ],
    ids=["between two nodes", "under the command"],
)
def test_a_directory_that_goes(
    shared: DaemonProcess, client: Client, tmp_path: Path, script: str, counts: dict[str, int]
) -> None:
    """The worker stops, and its node goes back, though another directory may be in the place."""
    task_id = task(client, 1, 2)
    ended = work_in(tmp_path / "place", shared, task_id, script)
    assert ended.code == 1
    assert "the working directory is gone: begin again in one that is there" in ended.err
    assert client.task_status(task_id).counts == counts


def test_a_directory_that_is_gone_already(
    shared: DaemonProcess, client: Client, tmp_path: Path
) -> None:
    """No node is acquired."""
    task_id = task(client, 1)
    ended = work_in(tmp_path / "place", shared, task_id, "true", before='rmdir "$PLACE"')
    assert (ended.code, ended.out) == (1, "")
    assert "the working directory is gone" in ended.err
    assert node(client, task_id).status == "PENDING"
