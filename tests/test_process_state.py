"""Whether another process goes on, or was stopped."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentd.worker import process_state
from agentd.worker.process_state import is_stopped
from tests.daemon_process import PATIENCE_SECONDS


@pytest.fixture(params=["proc", "ps"])
def sees(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], bool]:
    """Both ways to find out; the second is that of machines without a /proc."""
    if request.param == "ps":
        monkeypatch.setattr(process_state, "Path", lambda _path: Path("/no/such/file"))
    elif not Path("/proc/self/stat").exists():
        pytest.skip("there is no /proc here")
    return is_stopped


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that goes on."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


def test_it_sees(sees: Callable[[int], bool], sleeper: subprocess.Popen[bytes]) -> None:
    """A process is stopped from SIGSTOP to SIGCONT."""
    assert not sees(sleeper.pid)
    for number, state in ((signal.SIGSTOP, True), (signal.SIGCONT, False)):
        sleeper.send_signal(number)
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while sees(sleeper.pid) is not state:
            assert time.monotonic() < ends_at
            time.sleep(0.01)


def test_nobody_can_tell(
    sees: Callable[[int], bool], sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody knows anything about goes on."""
    sleeper.kill()
    sleeper.wait()
    assert not sees(sleeper.pid)
    monkeypatch.setenv("PATH", "/nowhere")
    assert not sees(sleeper.pid)
