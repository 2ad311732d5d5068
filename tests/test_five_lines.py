"""The session in five lines of docs/protocol.md is typed here, as it stands."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.daemon_process import (
    PATIENCE_SECONDS,
    REPOSITORY,
    Connection,
    DaemonProcess,
    checked,
    environment,
)
from tests.documents import blocks, section

PAGE = REPOSITORY / "docs" / "protocol.md"
NETCAT = f"""\
#!{sys.executable}
import socket, sys
flags, path = sys.argv[1:]
assert flags == "-UN", flags
client = socket.socket(socket.AF_UNIX)
client.connect(path)
client.sendall(sys.stdin.buffer.read())
client.shutdown(socket.SHUT_WR)
while chunk := client.recv(65536):
    sys.stdout.buffer.write(chunk)
client.close()
"""
AGENTD = f'#!/bin/sh\nexec {sys.executable} -m agentd "$@"\n'
WORDS = ("TASK", "NODE", "LEASE")


@pytest.fixture
def daemon(home: Path) -> Iterator[DaemonProcess]:
    """A daemon without any variable: it is where the page says, in ~/.agentd."""
    with DaemonProcess(home.parent / ".agentd", AGENTD_HOME=None) as process:
        yield process


def filled(line: str, ids: Mapping[str, str]) -> str:
    """The line with the ids in the place of the words for them."""
    return re.sub(rf"\b(?:{'|'.join(WORDS)})\b", lambda word: ids[word[0]], line)


def play(lines: list[str], run: Callable[[str], Any]) -> Any:
    """Run the lines, each with the ids that the answers before it gave; return the last answer."""
    ids: dict[str, str] = {}
    for line in lines:
        answer = run(filled(line, ids))
        named = {word: answer.get(f"{word.lower()}_id") for word in WORDS}
        ids |= {word: given for word, given in named.items() if given}
    return answer


def session() -> list[str]:
    """The lines of the session."""
    [block] = blocks(section("A session in five lines", PAGE), "sh")
    lines = block.splitlines()
    assert len(lines) == 5
    return lines


def as_call(line: str) -> str:
    """The same request as the page says that the command line sends it."""
    template = "agentd call METHOD PARAMS"
    assert template in section("A session in five lines", PAGE)
    request = json.loads(request_of(line))
    params = shlex.quote(json.dumps(request.get("params", {})))
    return template.replace("METHOD", request["method"]).replace("PARAMS", params)


def request_of(line: str) -> bytes:
    """The bytes that a line's `printf` sends."""
    printf, template, pipe, *_ = shlex.split(line)
    assert (printf, pipe, template.count("\\"), template.count("%")) == ("printf", "|", 1, 0)
    return template.replace("\\n", "\n").encode()


def ask(daemon: DaemonProcess, line: str) -> Any:
    """Send a line's request as `nc -N` does, and see the connection closed after the answer."""
    with Connection(daemon.socket_path) as connection:
        connection.send_raw(request_of(line))
        connection.finish_sending()
        response = connection.read_response()
        assert connection.at_eof()
    return response["result"]


def shell(daemon: DaemonProcess, line: str, tools: Mapping[str, str]) -> Any:
    """Type a line into a shell that has these programs, and return what it prints."""
    folder = daemon.home.parent / "bin"
    folder.mkdir(exist_ok=True)
    for name, program in tools.items():
        (folder / name).write_text(program)
        (folder / name).chmod(0o755)
    env = environment(daemon.home, {"AGENTD_HOME": None})
    ended = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=REPOSITORY,
        env={**env, "PATH": f"{folder}:{env['PATH']}"},
        stdout=subprocess.PIPE,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return json.loads(ended.stdout)


def has_netcat() -> bool:
    """Whether `nc` is the one that the page speaks of."""
    path = shutil.which("nc")
    if path is None:
        return False
    told = subprocess.run(
        [path, "-h"], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    return re.search(r"-[A-Za-z]*N", told.stdout + told.stderr) is not None


def test_the_session_over_the_socket(daemon: DaemonProcess) -> None:
    """The five requests, sent in order, complete a node."""
    status = play(session(), lambda line: ask(daemon, line))
    assert status["counts"] == {"COMPLETED": 1}
    assert status["nodes"][0]["result_payload"] == {"said": "hello"}


def test_the_session_in_a_shell(daemon: DaemonProcess) -> None:
    """The five lines can be typed as they are."""
    tools = {"nc": NETCAT}
    status = play(session(), lambda line: checked(shell(daemon, line, tools))["result"])
    assert status["counts"] == {"COMPLETED": 1}


@pytest.mark.skipif(not has_netcat(), reason="the nc of this machine, if any, knows no -N")
def test_the_session_with_netcat(daemon: DaemonProcess) -> None:
    """The five lines work with the nc that they name, and none of them hangs."""
    status = play(session(), lambda line: checked(shell(daemon, line, {}))["result"])
    assert status["counts"] == {"COMPLETED": 1}


def test_the_session_with_the_command_line(daemon: DaemonProcess) -> None:
    """The same session with `agentd call` ends the same way."""
    status = play(session(), lambda line: shell(daemon, as_call(line), {"agentd": AGENTD}))
    assert status["counts"] == {"COMPLETED": 1}
