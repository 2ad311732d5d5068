"""A server's URL is read as libpq reads it, and no secret of it is ever told."""

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from agentd.server_url import ServerUrl, mask, parse_server_url

RAW = st.text("aZ0-._~%2F:/@?&=#[],$ü \\'\"", max_size=12)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
ESCAPED = WORDS.map(lambda text: "".join(f"%{octet:02x}" for octet in text.encode()))
HOSTS = st.sampled_from(
    ["", "h", "db.example.com", "10.0.0.1", "[::1]", "%2Frun%2Fpostgresql", "a-b"]
)
PORTS = st.sampled_from(["", ":1", ":5432", ":65535"])
PLACES = st.tuples(HOSTS, PORTS).map("".join)
OPTIONS = st.sampled_from(
    ["sslmode=require", "connect_timeout=5", "host=/tmp,h", "port=7", "user=u", "password=p%20q",
     "dbname=x", "application_name=a%2Cb", "sslpassword=%40", "hostaddr=::1", "service=s"]
)  # fmt: skip
WORD = "hunter2"
"""Of a password; no other part has it."""


@st.composite
def urls(draw: st.DrawFn) -> str:
    """A URL of all that may be in one."""
    user, password, dbname = (draw(st.one_of(st.just(""), ESCAPED)) for _ in range(3))
    credentials = f"{user}:{password}@" if password else f"{user}@" if user else ""
    places = ",".join(draw(st.lists(PLACES, max_size=3)))
    query = "&".join(draw(st.lists(OPTIONS, max_size=3)))
    return f"postgresql://{credentials}{places}/{dbname}" + (f"?{query}" if query else "")


def parsed(url: str) -> ServerUrl | None:
    """The server, where the URL can be read."""
    try:
        return parse_server_url(url)
    except ValueError:
        return None


def refusal(url: str) -> str:
    """What is said of one that cannot be read."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the words are looked at
        parse_server_url(url)
    return str(refused.value)


@given(st.one_of(urls(), RAW.map(lambda rest: f"postgresql://{rest}")))
def test_it_is_read_as_libpq_reads_it(url: str) -> None:
    """What is taken means the same to libpq, before and after, but for a default of our own."""
    if (found := parsed(url)) is None:
        return
    theirs = conninfo_to_dict(url.strip())
    ours = conninfo_to_dict(found.conninfo)
    if "target_session_attrs" not in theirs:
        ours.pop("target_session_attrs", None)
    assert without_empty(ours) == without_empty(theirs)


def without_empty(parameters: Mapping[str, object]) -> dict[str, object]:
    """Lists of hosts and ports that name none are left out."""
    return {name: value for name, value in parameters.items() if str(value).strip(",")}


@given(urls())
def test_what_is_shown_is_the_same_server(url: str) -> None:
    """Without its secrets; shown again it does not change."""
    if (found := parsed(url)) is None:
        return
    assert found.shown.isascii()
    assert found.shown.isprintable()
    again = parse_server_url(found.shown)
    assert not again.has_secret
    assert (again == found) != found.has_secret
    assert again.shown == found.shown


@given(RAW, RAW, st.booleans())
@example(before="0&", after="=", is_option=True)
def test_no_secret_is_told(before: str, after: str, is_option: bool) -> None:  # noqa: FBT001
    """A password written as it is, unescaped: it is the password, or no word tells of it."""
    password = f"{before}{WORD}{after}"
    url = f"postgresql://h/d?password={password}" if is_option else f"postgresql://u:{password}@h/d"
    if (found := parsed(url)) is None:
        assert WORD not in f"{refusal(url)} {mask(url)}"
    else:
        assert WORD not in found.shown
        assert WORD in found.conninfo


@given(RAW)
def test_what_libpq_refuses_is_refused(rest: str) -> None:
    """There is nothing that agentd starts with, and libpq cannot read."""
    url = f"postgresql://{rest}"
    try:
        conninfo_to_dict(url.strip())
    except (ProgrammingError, UnicodeDecodeError):
        assert parsed(url) is None
