"""Whose browser it is that opens a link, where the system tells."""

import os
import socket
import sys
from contextlib import closing

import pytest

from agentd.ui import doors, peer_user
from agentd.ui.peer_user import is_another_user, user_of
from tests.ui_pages import FROM_A_PAGE, server

OURS, THEIRS = ("127.0.0.1", 8470), ("127.0.0.1", 40_000)
NUMBER = "0100007F" if sys.byteorder == "little" else "7F000001"
LINE = "0: {}:9C40 {}:2116 01 00000000:00000000 00:00000000 00000000 {} 0 1 1 0 20 4 30 10 -1"


@pytest.mark.parametrize("before", ["", "0000000000000000FFFF0000"])
def test_the_user_of_a_connection(before: str) -> None:
    """It is the one at the client's end, in the table of IPv6 as in the other."""
    ends = [f"{before}{NUMBER}", f"{before}{NUMBER}"]
    other_end = LINE.replace("9C40", "2116", 1).replace("2116 01", "9C40 01", 1)
    table = [other_end.format(*ends, 0), "", "sl local_address", LINE.format(*ends, 1234)]
    assert user_of(table, THEIRS, OURS) == 1234
    assert user_of(table[:3], THEIRS, OURS) is None


@pytest.mark.parametrize(("user", "is_other"), [(None, False), (0, False), (-1, True)])
def test_who_is_another_user(
    monkeypatch: pytest.MonkeyPatch, user: int | None, *, is_other: bool
) -> None:
    """Neither root, nor one who is not known."""
    monkeypatch.setattr(peer_user, "user_of", lambda *_ends: user)
    assert is_another_user(THEIRS, OURS) is is_other
    monkeypatch.undo()
    assert not is_another_user(("testclient", 1), OURS)
    assert not is_another_user(None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such table")
def test_a_connection_of_ours() -> None:
    """The system's own tables have it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        where = listening.getsockname()
        with closing(socket.create_connection(where)) as browser:
            assert user_of(peer_user._connections(), browser.getsockname(), where) == os.getuid()  # noqa: SLF001


def test_a_link_or_cookie_in_the_hands_of_another(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets nobody in, is still good for whom it was made for, and changes nothing."""
    with server(tmp_path_factory.mktemp("home") / "agentd.sock") as (browser, links):
        token = links.make()
        with monkeypatch.context() as patch:
            patch.setattr(doors, "is_another_user", lambda _client, _server: True)
            assert browser.get("/enter", params={"token": token}).status_code == 403
        assert browser.get("/enter", params={"token": token}).status_code == 200
        assert browser.post("/tasks/x/cancel", headers=FROM_A_PAGE).status_code == 403
        monkeypatch.setattr(doors, "is_another_user", lambda _client, _server: True)
        answer = browser.post("/tasks/x/cancel", headers=FROM_A_PAGE)
        assert "another user" in answer.text
