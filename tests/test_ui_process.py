"""`agentd ui` as a process: a port, a link, and an end."""

import http.client
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.command_line import agentd_here
from tests.daemon_process import PATIENCE_SECONDS, DaemonProcess
from tests.ui_process import UiProcess


@pytest.fixture(scope="module")
def ui(shared: DaemonProcess) -> Iterator[UiProcess]:
    """One for those that leave it as it is."""
    with UiProcess(shared.home) as process:
        yield process


class Asking:
    """What a browser asks, with the cookie that it was given."""

    def __init__(self, ui: UiProcess) -> None:
        self._port = ui.port
        self._cookie = ""

    @contextmanager
    def begin(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """The answer, of which the headers have come."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        with closing(connection):
            connection.request("GET", path, headers={"cookie": self._cookie})
            with connection.getresponse() as answer:
                self._cookie = (answer.headers["set-cookie"] or self._cookie).partition(";")[0]
                yield answer

    def get(self, path: str) -> tuple[int, str]:
        """The status, and what came."""
        with self.begin(path) as answer:
            return answer.status, answer.read().decode()


def path_of(link: str) -> str:
    """What a browser asks of the server that it found."""
    return link[link.index("/enter") :]


def test_a_link_lets_one_browser_in(ui: UiProcess) -> None:
    """Once; a signal has another one printed."""
    one, other = Asking(ui), Asking(ui)
    assert one.get("/")[0] == 401
    assert one.get(path_of(ui.first_link))[0] == 200
    assert one.get("/")[0] == 200
    assert other.get(path_of(ui.first_link))[0] == 403
    assert other.get(path_of(ui.another_link()))[0] == 200
    assert other.get("/")[0] == 200


def test_it_listens_on_this_machine_alone(ui: UiProcess) -> None:
    """Another address of this machine leads nowhere."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", ui.port), timeout=PATIENCE_SECONDS)


def test_a_port_that_is_taken(shared: DaemonProcess, ui: UiProcess) -> None:
    """It is said which, and what to do."""
    ended = agentd_here(shared.home, "ui", "--no-open", "--port", str(ui.port))
    assert ended.code == 1
    assert f"port {ui.port} of 127.0.0.1 cannot be had" in ended.err
    assert "`--port 0`" in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_while_a_page_is_open(shared: DaemonProcess, number: signal.Signals) -> None:
    """The stream of an open page ends; nothing is said of it, and the exit code is 0."""
    with UiProcess(shared.home) as ui:
        asking = Asking(ui)
        asking.get(path_of(ui.first_link))
        with asking.begin("/changes") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.readline().startswith(b"data: ")
            assert ui.stop(number) == 0
        assert len(ui.said) == 2, ui.said
        assert "kill -USR1" in ui.said[0]


def test_the_daemon_goes_and_comes_back(daemon: DaemonProcess) -> None:
    """A page says so meanwhile, with what to do."""
    with UiProcess(daemon.home) as ui:
        asking = Asking(ui)
        asking.get(path_of(ui.first_link))
        with asking.begin("/changes") as stream:
            assert b'"away":null' in stream.readline()
            daemon.kill()
            while b'"away":"' not in stream.readline():
                pass
            status, page = asking.get("/")
            assert status == 503
            assert "agentd serve" in page
            daemon.start()
            while b'"away":null' not in stream.readline():
                pass
            assert asking.get("/")[0] == 200


def test_no_daemon_is_there(home: Path) -> None:
    """It says so, and serves all the same: the pages wait for one."""
    with UiProcess(home) as ui:
        assert Asking(ui).get(path_of(ui.first_link))[0] == 200
        ui.stop()
    assert ui.said[0].startswith("agentd: no socket at ")
    assert ui.said[0].endswith("; the pages go on as soon as a daemon is there")
