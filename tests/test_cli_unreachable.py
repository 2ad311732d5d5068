"""The daemon is not there, or does not answer: each cause has words of its own and exit code 3."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.command_line import agentd
from tests.daemon_process import REPOSITORY, environment
from tests.listening import listening

NOBODY = 65_534
"""The uid that has no rights anywhere."""


def test_no_socket(home: Path) -> None:
    """Where there is no socket the message says so, and how to start a daemon."""
    ended = agentd(home, "call", "Health")
    assert (ended.code, ended.out) == (3, "")
    assert f"no socket at {home / 'agentd.sock'}: start the daemon with `agentd serve`" in ended.err
    assert "have clients start it (AGENTD_AUTOSTART=1)" in ended.err


def test_nobody_listens(home: Path) -> None:
    """A socket that a killed daemon left behind is told from one that is not there."""
    home.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home / "agentd.sock"))
    ended = agentd(home, "call", "Health")
    assert (ended.code, ended.out) == (3, "")
    assert "nobody listens on" in ended.error


# Imported before the rights are given up: nobody may read the libraries of a user's own Python.
AS_NOBODY = """
import locale, os, shutil, sys
from agentd import cli
from agentd.cli.daemon import call
if os.getuid() == 0:
    os.setuid(int(sys.argv[1]))
sys.exit(cli.main(["call", "Health"]))
"""


def test_permission_denied(home: Path) -> None:
    """A socket that this user may not reach is told from one where nobody listens."""
    home.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "agentd.sock"))
        server.listen()
        home.chmod(0)
        command = [sys.executable, "-c", AS_NOBODY, str(NOBODY)]
        env = environment(home, {"HOME": "/nonexistent"})
        ended = subprocess.run(
            command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False
        )
        home.chmod(0o700)
    assert ended.returncode == 3
    assert ended.stderr.startswith("agentd: permission denied on ")


def test_no_answer(home: Path) -> None:
    """A daemon that does not answer in time is not reachable."""
    told = os.pipe()
    with listening(home, lambda _client: os.read(told[0], 1)):
        ended = agentd(home, "call", "Health", "--timeout", "2")
        os.write(told[1], b".")
    for end in told:
        os.close(end)
    assert ended.code == 3
    assert "no answer on" in ended.error
    assert re.search(r" in (2|1\.\d+) s: ", ended.error)  # what is left when it is let in


def test_a_connection_that_breaks(home: Path) -> None:
    """A daemon that goes away before it answers what is not to be repeated is not reachable."""
    with listening(home, lambda client: client.close()):
        ended = agentd(home, "call", "RegisterTask", '{"goal":"g"}')
    assert ended.code == 3
    assert "closed it before it answered" in ended.error


def test_something_else_that_answers(home: Path) -> None:
    """What does not speak the protocol is said to be no agentd."""
    with listening(home, lambda client: client.sendall(b"220 ready\n")):
        ended = agentd(home, "call", "Health")
    assert ended.code == 3
    assert "does not speak the protocol" in ended.error
