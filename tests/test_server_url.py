"""The URL of a server: what it says, what is shown of it, and what is refused."""

import pickle

import msgspec
import pytest

from agentd.server_url import ServerUrl, is_server_url, mask, parse_server_url

WORD = "hunter2"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        (" postgres://h/d ", "postgresql://h/d"),
        (f"postgresql://ann:{WORD}@h:5433/d", "postgresql://ann@h:5433/d"),
        (f"postgresql://h/d?user=ann&password={WORD}", "postgresql://ann@h/d"),
        (
            f"postgresql://h/d?sslmode=require&sslpassword={WORD}",
            "postgresql://h/d?sslmode=require",
        ),
        (f"postgresql://:{WORD}@h/d", "postgresql://h/d"),
        ("postgresql://h/?dbname=d", "postgresql://h/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
        ("postgresql://%2Frun%2Fpostgresql/d", "postgresql:///d?host=/run/postgresql"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
        ("postgresql://a,b/d?port=5", "postgresql:///d?host=a,b&port=5"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql:///?service=prod", "postgresql:///?service=prod"),
        ("postgresql://ä%0A@h/d%1b", "postgresql://%C3%A4%0A@h/d%1B"),
        (
            "postgresql://h/d?sslrootcert=system&passfile=/srv/pass",
            "postgresql://h/d?passfile=/srv/pass&sslrootcert=system",
        ),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    """The same server in one way of writing, without a secret, on one line of ASCII."""
    found = parse_server_url(url)
    assert found.shown == shown == str(found) == f"{found}"
    assert repr(found) == f"ServerUrl({shown!r})"
    assert parse_server_url(shown).shown == shown
    assert found.has_secret == (WORD in url)
    assert (WORD in found.conninfo) == (WORD in url)
    assert is_server_url(url)


def test_no_secret_goes_out_by_accident() -> None:
    """It has no form in JSON, and what is asked of it is no secret; a copy has all of it."""
    found = parse_server_url(f"postgresql://ann:{WORD}@h/d?sslpassword={WORD}")
    with pytest.raises(TypeError):
        msgspec.json.encode(found)
    assert (found.get("user"), found.get("password"), found.get("sslpassword")) == (
        "ann",
        None,
        None,
    )
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - made here


def test_a_password_from_elsewhere() -> None:
    """It is added where the URL has none, and never shown."""
    bare = parse_server_url("postgresql://ann@h/d")
    found = bare.with_password("a/b@c")
    assert (found.shown, found.has_secret) == (bare.shown, True)
    assert found.conninfo == "postgresql://ann:a%2Fb%40c@h/d"
    assert found.with_password("another") == found
    assert found != bare
    assert hash(found) == hash(bare)


@pytest.mark.parametrize(
    ("url", "hosts", "more"),
    [
        ("postgresql:///d", [], ""),
        ("postgresql://h/d", ["h"], ""),
        ("postgresql://a,b/d", ["a", "b"], "?target_session_attrs=read-write"),
        ("postgresql://a,b/d?target_session_attrs=any", ["a", "b"], "?target_session_attrs=any"),
        ("postgresql:///d?hostaddr=10.0.0.1", ["10.0.0.1"], "?hostaddr=10.0.0.1"),
    ],
)
def test_hosts(url: str, hosts: list[str], more: str) -> None:
    """Of several hosts the one is meant that can be written to, unless the URL says otherwise."""
    found = parse_server_url(url)
    assert found.hosts == hosts
    assert found.conninfo == url.partition("?")[0] + more


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql:/h/d", "expected postgresql://USER@HOST/DATABASE"),
        ("postgresql://h/d d", "a space, or a character that is not seen, is written %20, say"),
        ("postgresql://h/d\u200b", "a space, or a character that is not seen, is written %20, say"),
        (
            "postgresql://h",
            "no database is named: add its name, as in postgresql://USER@HOST/agentd",
        ),
        ("postgresql://u:p@q@h/d", "expected one @ at most, before the host"),
        ("postgresql://u:5/q@h/d", "expected one @ at most, before the host"),
        ("postgresql://h:port/d", "expected hosts as in db.example.com:5432 or [::1]:5432"),
        ("postgresql://::1/d", "expected hosts as in db.example.com:5432 or [::1]:5432"),
        ("postgresql://[::1/d", "expected hosts as in db.example.com:5432 or [::1]:5432"),
        ("postgresql://h:٣/d", "expected hosts as in db.example.com:5432 or [::1]:5432"),
        ("postgresql://h:0/d", "expected a port from 1 to 65535"),
        ("postgresql://h/d?port=65536", "expected a port from 1 to 65535"),
        ("postgresql://h/d?port=x", "expected a port from 1 to 65535"),
        ("postgresql://a,b/d?port=1,2,3", "expected one port, or one for each host"),
        ("postgresql://u:%zz@h/d", "the password has a % with no character's number behind it"),
        ("postgresql://u%00@h/d", "the user has a % with no character's number behind it"),
        ("postgresql://h/%ff", "the dbname is not UTF-8"),
        ("postgresql://h/d?sslmode", "expected options as in ?sslmode=verify-full"),
        ("postgresql://h/d?sslmode=a=b", "expected options as in ?sslmode=verify-full"),
        ("postgresql://h/d?sslmode=", "sslmode has no value: give it one, or leave it out"),
        ("postgresql://h/d?sslmode=full", "expected sslmode to be one of disable, allow,"),
        ("postgresql://h/d?ssl_mode=require", "no option 'ssl_mode': perhaps sslmode is meant"),
        ("postgresql://h/d?replication=1", "agentd takes no option 'replication'"),
        ("postgresql://h/d?password=a&b=", "in a password, & is written %26"),
        ("postgresql://h/d?target_session_attrs=standby", "expected target_session_attrs to be"),
        (
            "postgresql://h/d?sslmode=require&sslmode=disable",
            "sslmode is given twice: give it once",
        ),
        ("postgresql://u@h/d?user=v", "user is given twice: give it once"),
        ("postgresql://h/d?passfile=~/.pgpass", "expected the whole path in passfile, from / on"),
        (
            "postgresql://h/d?sslrootcert=ca.pem",
            "expected the whole path in sslrootcert, from / on",
        ),
    ],
)
def test_what_is_refused(url: str, told: str) -> None:
    """What libpq would fail with later, or take for something else, in words."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the words are compared
        parse_server_url(url)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d?ssl=1", "postgresql://h/d?…"),
        ("postgresql://ann:p@h/d", "postgresql://ann:***@h/d"),
        ("postgresql://ann:p@q@h:1/d", "postgresql://ann:***@h:1/d"),
        ("postgresql://ann:p/q@h/d", "postgresql://ann:***@h/d"),
        ("postgresql://ann:p?q@h/d", "postgresql://ann:***"),
        ("postgresql://h/d?password=p@q", "postgresql://h:***"),
        ("postgresql://ann:secret/d", "postgresql://ann:***"),
        ("postgresql://[::1]:5432,h:0/d", "postgresql://[::1]:5432,h:0/d"),
        ("postgresql://[::1]:secret/d", "postgresql://[::1]:***"),
        ("mysql://ann:p@h/d", "mysql://ann:***@h/d"),
        ("ann:p@h/d", "ann:***@h/d"),
        ("ann:p://q@h", "ann:***@h"),
    ],
)
def test_what_an_error_repeats(url: str, shown: str) -> None:
    """Of a URL that cannot be read, nothing that may be a password, however it was meant."""
    assert mask(url) == shown


@pytest.mark.parametrize(
    "text", ["", "sqlite:///a", "/srv/postgresql://", "postgresql:h", "Postgres://"]
)
def test_what_is_no_server(text: str) -> None:
    """All else is for whoever reads paths."""
    assert not is_server_url(text)


def test_equal_servers() -> None:
    """Two ways to write one server are equal, and nothing else is."""
    one = parse_server_url("postgres://u@h:1/d")
    assert one == parse_server_url("postgresql://h:1/d?user=u")
    assert one != parse_server_url("postgresql://h:1/d")
    assert one != str(one)
    assert isinstance(one, ServerUrl)
