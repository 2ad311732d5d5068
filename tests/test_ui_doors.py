"""Who comes in to the pages of `agentd ui`: a browser of this machine that was let in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from agentd.ui.headers import HEADERS
from agentd.ui.links import LINK_SECONDS, Links
from tests.ui_pages import FROM_A_PAGE, OURS, PORT, server, words

COOKIE = f"agentd-ui-{PORT}"


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Links]]:
    """A server of a home where no daemon is: the doors do not need one."""
    with server(tmp_path_factory.mktemp("home") / "agentd.sock") as made:
        yield made


@pytest.fixture
def stranger(nobody: tuple[TestClient, Links]) -> Iterator[TestClient]:
    """A browser without a cookie."""
    nobody[0].cookies.clear()
    yield nobody[0]
    nobody[0].cookies.clear()


@pytest.fixture
def links(nobody: tuple[TestClient, Links]) -> Links:
    """Those of the same server."""
    return nobody[1]


PAGES = ("/", "/inbox", "/journal", "/tasks/x", "/tasks/x/nodes/y/log/stdout", "/changes", "/nix")


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_a_page_without_a_cookie(stranger: TestClient, page: str) -> None:
    """Whoever was not let in is told how to be, and nothing else."""
    answer = stranger.get(page)
    assert answer.status_code == 401
    assert "Open the link that `agentd ui` printed" in words(answer.text)


def test_a_link_is_good_once(stranger: TestClient, links: Links) -> None:
    """The first browser gets a cookie for it; the next one is told how to get another link."""
    token = links.make()
    entered = stranger.get("/enter", params={"token": token})
    assert entered.status_code == 200
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == set(cookie.split("; ")[1:])
    assert stranger.get("/").status_code == 503  # in, but there is no daemon
    stranger.cookies.clear()
    again = stranger.get("/enter", params={"token": token})
    assert again.status_code == 403
    assert "set-cookie" not in again.headers
    assert "SIGUSR1" in words(again.text)


def test_who_goes_back_to_a_used_link_is_still_in(stranger: TestClient, links: Links) -> None:
    """With the cookie a link that was used leads on."""
    token = links.make()
    stranger.get("/enter", params={"token": token})
    assert stranger.get("/enter", params={"token": token}).status_code == 200


@pytest.mark.parametrize("token", ["", "x", "\ud800", "é"])
def test_no_other_token_is_good(stranger: TestClient, links: Links, token: str) -> None:
    """What was guessed, cut or mangled lets nobody in."""
    links.make()
    given = token.encode(errors="surrogatepass").decode("latin-1")
    assert stranger.get("/enter", params={"token": given}).status_code == 403


def test_a_link_is_good_for_some_minutes() -> None:
    """A link that nobody used is good no more; what it lets in is 256 bits."""
    now = 0.0
    links = Links(lambda: now)
    late, early = links.make(), links.make()
    assert len(early) == 43
    now = LINK_SECONDS - 1
    assert links.use(early)
    now = LINK_SECONDS
    assert not links.use(late)


def test_a_cookie_of_another_server_is_none(stranger: TestClient) -> None:
    """A cookie that this server did not make lets nobody in."""
    for cookie in (f"{COOKIE}=x", f"{COOKIE}=", "agentd-ui-1=x", "=", ""):
        assert stranger.get("/", headers={"cookie": cookie}).status_code == 401


@pytest.mark.parametrize(
    "host",
    [f"{name}:{PORT}" for name in ("127.0.0.1", "localhost", "LOCALHOST", "127.0.0.2", "[::1]")],
)
def test_hosts_of_this_machine(stranger: TestClient, host: str) -> None:
    """A loopback address, or `localhost`, with our port is ours."""
    assert stranger.get("/", headers={"host": host}).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"localhost.evil.example:{PORT}",
        f"127.0.0.1:{PORT + 1}",
        "127.0.0.1",
        "localhost",
        f"192.168.0.1:{PORT}",
        f"0.0.0.0:{PORT}",
        f"[::ffff:127.0.0.1]:{PORT}",
        f"2130706433:{PORT}",
        f"user@127.0.0.1:{PORT}",
        "",
    ],
)
def test_other_hosts(stranger: TestClient, links: Links, host: str) -> None:
    """A name that leads here is not ours: pages of others would be of our origin. No link is used.

    What is no address, or has another port, is none of ours either.
    """
    token = links.make()
    answer = stranger.get("/enter", params={"token": token}, headers={"host": host})
    assert answer.status_code == 421
    assert "expected 127.0.0.1" in words(answer.text)
    assert links.use(token)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"http://localhost:{PORT}"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"sec-fetch-site": "cross-site", "origin": OURS},
        {"sec-fetch-site": "same-site", "origin": OURS},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
    ],
)
def test_forms_of_others(stranger: TestClient, headers: dict[str, str]) -> None:
    """What may change something has to come from a page of ours."""
    answer = stranger.post("/tasks/x/cancel", headers=headers)
    assert answer.status_code == 403
    assert "did not come from a page of agentd" in words(answer.text)


@pytest.mark.parametrize("headers", [FROM_A_PAGE, {"origin": OURS}])
def test_forms_of_ours(stranger: TestClient, headers: dict[str, str]) -> None:
    """A form of a page of ours is looked at; but only of a browser that was let in."""
    assert stranger.post("/tasks/x/cancel", headers=headers).status_code == 401


def test_every_answer_is_locked_down(stranger: TestClient, links: Links) -> None:
    """Pages, refusals and files: no code that stands in a page, no frame, nothing kept."""
    answers = [
        stranger.get("/"),
        stranger.get("/", headers={"host": "evil.example"}),
        stranger.get("/enter", params={"token": links.make()}),
        stranger.get("/"),
        stranger.get("/nix"),
        stranger.get("/static/page.css"),
        stranger.get("/static/nix"),
        stranger.post("/tasks/x/cancel"),
    ]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items(), answer.url
    assert "unsafe" not in HEADERS["content-security-policy"]


def test_files_are_those_of_the_pages(stranger: TestClient) -> None:
    """What pages are made of can be had by all; no path leads out of it."""
    assert stranger.get("/static/live.js").headers["content-type"].startswith("text/javascript")
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"):
        assert stranger.get(path).status_code in (401, 404)


def test_no_template_has_code_or_style_in_it() -> None:
    """The policy would refuse it: no `style=`, no `on…=`, no script but files of ours."""
    for path in (Path(__file__).parents[1] / "agentd/ui/templates").iterdir():
        text = path.read_text(encoding="utf-8")
        for found in (" style=", "<style", " onclick", " onload", "javascript:", "| safe"):
            assert found not in text, path
