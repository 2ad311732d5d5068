"""A server is gone with its client, however that goes, and what was held is free at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    DaemonProcess,
    Object,
    environment,
)
from tests.mcp_client_process import SERVER
from tests.mcp_clients import PREVIOUS, ClientProcess, seconds_until_gone
from tests.mcp_play import CURRENT, Player, played
from tests.mcp_play import PREVIOUS as LEGACY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.daemon_process import Connection


def _killed(client: ClientProcess) -> None:
    client.kill()


def _stopped_and_killed(client: ClientProcess) -> None:
    client.process.send_signal(signal.SIGSTOP)
    client.kill()


def _left(client: ClientProcess) -> None:
    client.leave()
    assert client.process.wait(PATIENCE_SECONDS) == 0


def _server_told(number: signal.Signals) -> Callable[[ClientProcess], None]:
    def tell(client: ClientProcess) -> None:
        os.kill(client.server, number)

    return tell


WAYS = {
    "killed": ((), _killed),
    "killed, its pipes kept open": (("kept",), _killed),
    "stopped and killed, its pipes kept open": (("kept",), _stopped_and_killed),
    "killed behind a shell, its pipes kept open": (("kept", "launched"), _killed),
    "gone without a word": (("alone",), lambda client: client.leave()),
    "closed its pipe": ((), _left),
    "killed, and had read nothing": (("deaf", "kept"), _killed),
    "SIGTERM": (("kept",), _server_told(signal.SIGTERM)),
    "SIGHUP": ((), _server_told(signal.SIGHUP)),
    "SIGINT": (("deaf",), _server_told(signal.SIGINT)),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_server_is_left(way: str, shared: DaemonProcess, connection: Connection) -> None:
    """It ends by itself, and gives back what was held before it does."""
    words, end = WAYS[way]
    with ClientProcess(shared, *words) as client:
        client.meet(connection)
        assert client.holds(connection)
        end(client)
        seconds_until_gone(client.server, PATIENCE_SECONDS)
        assert not client.holds(connection)


def test_two_servers_in_one_folder(shared: DaemonProcess, connection: Connection) -> None:
    """Each is its client's: one ends, and the other goes on."""
    with ClientProcess(shared) as one, ClientProcess(shared) as two:
        one.meet(connection)
        two.meet(connection)
        one.kill()
        seconds_until_gone(one.server, PATIENCE_SECONDS)
        two.call()
        assert two.holds(connection)
    assert one.owner.split("/")[:2] == two.owner.split("/")[:2]
    assert one.server != two.server


def test_a_client_that_is_stopped_is_there(shared: DaemonProcess, connection: Connection) -> None:
    """Nothing of its is given back: it goes on where it was."""
    with ClientProcess(shared) as client:
        client.meet(connection)
        client.process.send_signal(signal.SIGSTOP)
        connection.call("WatchEvents", wait_secs=2)
        assert client.holds(connection)
        client.process.send_signal(signal.SIGCONT)
        client.call()


@pytest.mark.parametrize("version", ["2025-11-25", "2024-11-05"])
def test_protocols_with_a_handshake(
    version: str, shared: DaemonProcess, connection: Connection
) -> None:
    """The previous one and the oldest are spoken as they are asked for."""
    with ClientProcess(shared, version=version) as client:
        assert client.meet(connection).version == version


@pytest.mark.parametrize("mode", [CURRENT, LEGACY])
@played
async def test_the_sdks_own_client(
    mode: str, shared: DaemonProcess, connection: Connection
) -> None:
    """It starts a server, works through a plan, and leaves nothing held behind."""
    command, *arguments = SERVER
    env = environment(shared.home, {"AGENTD_OWNER": "sdk"})
    server = StdioServerParameters(command=command, args=arguments, env=env, cwd=REPOSITORY)
    async with Client(server, mode=mode) as client:
        player = Player(client, [])
        plan = {"goal": "g", "nodes": {"a": {}, "b": {"needs": "a"}}}
        task = (await player.call("register_plan", plan=plan))["task"]
        await player.call("acquire_node", task=task)
        ended = await player.call("complete_node", result=1, acquire_next=True)
        owner = connection.call("NodeStatus", task_id=task, node_id="b")["node"]["lease_owner"]
    assert ended["next"]["from_others"]["inputs"] == {"a": 1}
    assert owner == "sdk"
    assert connection.call("NodeStatus", task_id=task, node_id="b")["node"]["status"] == "PENDING"


@pytest.mark.parametrize("how", ["silent", "gone"])
def test_a_daemon_that_does_not_help(how: str, home: object) -> None:
    """The server ends all the same, in seconds."""
    with DaemonProcess(home) as daemon, ClientProcess(daemon) as client:  # type: ignore[arg-type]
        with daemon.connect() as connection:
            client.meet(connection)
        daemon.signal(signal.SIGSTOP if how == "silent" else signal.SIGKILL)
        client.kill()
        seconds_until_gone(client.server, PATIENCE_SECONDS)
        if how == "silent":
            daemon.signal(signal.SIGCONT)


def test_only_the_protocol_goes_to_standard_output(shared: DaemonProcess) -> None:
    """What is no message is passed over, and a message that is one is answered."""
    code, told = _run(shared, [b"no json", _message(7, "ping", {})], 1)
    assert code == 0
    assert told == [{"jsonrpc": "2.0", "id": 7, "result": {}}]


def test_a_client_that_reads_no_more(shared: DaemonProcess) -> None:
    """It is gone, which is no failure: nothing is said of it."""
    with subprocess.Popen(
        SERVER,
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        server.stdin.write(HELLO + b"\n")
        server.stdin.flush()
        server.stdout.readline()
        server.stdout.close()
        with suppress(BrokenPipeError):  # it has seen that already, and has ended
            server.stdin.write(HELLO + b"\n")
            server.stdin.flush()
        with suppress(BrokenPipeError):
            server.stdin.close()
        assert server.wait(PATIENCE_SECONDS) == 0
        assert server.stderr.read() == b""


def test_a_folder_that_is_gone(shared: DaemonProcess, tmp_path: Path) -> None:
    """An agent whose folder was removed is served all the same."""
    gone = tmp_path / "gone"
    gone.mkdir()
    call = _message(2, "tools/call", {"name": "acquire_lock", "arguments": {"key": "port:1"}})
    with subprocess.Popen(
        ["/bin/sh", "-c", 'rmdir "$PWD" && exec "$0" -m agentd mcp', sys.executable],
        cwd=gone,
        env={**environment(shared.home, {}), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        _code, told = _talk(server, [HELLO, call], 2)
    assert told[1]["result"]["structuredContent"]["held"]


def test_the_owner_that_the_environment_names(
    shared: DaemonProcess, connection: Connection
) -> None:
    """AGENTD_OWNER names the agent, and --owner does so before it; a worker's names no agent."""
    take = {"name": "acquire_lock", "arguments": {"key": "a"}}
    lines = [HELLO, _message(2, "tools/call", take)]
    seen = []
    for arguments, lease in (((), ""), (("--owner", "mine"), ""), ((), "of a worker's")):
        events = connection.call("WatchEvents")["last_seq"]
        env = {"AGENTD_OWNER": "theirs", "AGENTD_LEASE_ID": lease}
        _run(shared, lines, 2, *arguments, **env)
        (taken,) = connection.call("WatchEvents", after_seq=events, kinds=["ACQUIRE_LOCK"])[
            "events"
        ]
        seen.append(taken["payload"]["owner"].split("/")[0])
    assert seen == ["theirs", "mine", "by-hand"]


def test_without_the_extra(shared: DaemonProcess) -> None:
    """One line says what is missing, and how to have it."""
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_MCP],
        cwd=REPOSITORY,
        env=environment(shared.home, {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("agentd: agentd mcp needs mcp, of the extra `mcp`: `")
    assert " install 'mcp" in ended.stderr
    assert ended.stderr.count("\n") == 1


_WITHOUT_MCP = """
import sys
sys.modules["mcp"] = None
from agentd.cli import main
sys.exit(main(["mcp"]))
"""


def test_its_client_is_looked_at_first() -> None:
    """Who starts it is known before the SDK is imported: in that second a client may be killed."""
    ended = subprocess.run(
        [sys.executable, "-c", _AT_FIRST],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (7, b"")


_AT_FIRST = """
import sys
from agentd.cli import main
from agentd.mcp import client_watch

class Line(client_watch.Line):
    def __init__(self):
        sys.exit(1 if "mcp" in sys.modules else 7)

client_watch.Line = Line
sys.exit(main(["mcp"]))
"""


def _message(number: int, method: str, params: Object) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message).encode()


HELLO = _message(
    1,
    "initialize",
    {
        "protocolVersion": PREVIOUS,
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
)


def _run(
    daemon: DaemonProcess, lines: list[bytes], answers: int, *arguments: str, **env: str
) -> tuple[int, list[Object]]:
    """The exit code, and the answers; standard input is closed when the last of them is there."""
    with subprocess.Popen(
        [*SERVER, *arguments],
        cwd=REPOSITORY,
        env={**environment(daemon.home, {}), **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        return _talk(server, lines, answers)


def _talk(
    server: subprocess.Popen[bytes], lines: list[bytes], answers: int
) -> tuple[int, list[Object]]:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(b"\n".join([*lines, b""]))
    server.stdin.flush()
    told = [json.loads(server.stdout.readline()) for _ in range(answers)]
    server.stdin.close()
    assert server.stdout.read() == b""
    return server.wait(), told
