"""`agentd wait-ready`: it comes back as soon as the daemon answers, or says why none does."""

import json
import signal
import subprocess
from pathlib import Path

from tests.command_line import AGENTD, agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess, environment


def test_a_daemon_that_is_there(shared: DaemonProcess) -> None:
    """It comes back at once, and says where the daemon listens."""
    ended = agentd_here(shared.home, "wait-ready")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"daemon    ok, listening on {shared.socket_path}\n"
    data = json.loads(agentd_here(shared.home, "wait-ready", "--json").out)["data"]
    assert data.keys() == {"socket", "health"}
    assert data["health"]["status"] == "ok"


def test_a_daemon_that_comes(home: Path) -> None:
    """Who waited before it was started is answered, too."""
    with subprocess.Popen(
        [*AGENTD, "wait-ready", "--timeout", "5m"],
        cwd=REPOSITORY,
        env=environment(home, {}),
        stdout=subprocess.PIPE,
    ) as waiting:
        assert waiting.poll() is None
        with DaemonProcess(home):
            assert waiting.wait() == 0


def test_no_daemon(home: Path) -> None:
    """When the time is over, exit code 3 and the reason; nothing is made."""
    ended = agentd_here(home, "wait-ready", "--timeout", "0.05")
    assert ended.code == 3
    assert ended.error.startswith(f"agentd: not ready in 0.05 s: no socket at {home}/agentd.sock")
    assert not home.exists()
    failure = json.loads(agentd_here(home, "wait-ready", "--timeout", "0.05", "--json").out)
    assert failure["error"]["kind"] == "no_socket"


def test_a_daemon_that_does_not_answer(home: Path) -> None:
    """One that is stopped is waited for as well, and said to be busy or stopped."""
    with DaemonProcess(home) as daemon:
        daemon.signal(signal.SIGSTOP)
        ended = agentd_here(home, "wait-ready", "--timeout", "0.2")
        daemon.signal(signal.SIGCONT)
    assert ended.code == 3
    assert "busy or stopped" in ended.error


def test_bad_input(home: Path) -> None:
    """A time that is none is refused."""
    for given in ("0", "-1", "soon"):
        ended = agentd_here(home, "wait-ready", f"--timeout={given}")
        assert ended.code == 2
        assert repr(given) in ended.err
