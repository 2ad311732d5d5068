"""The URL of a PostgreSQL server: `postgresql://user@host:5432/agentd?sslmode=verify-full`.

The rule this file keeps: no secret is shown. A URL turns into text without its password, the one
way to the whole has a name of its own, and what cannot be read is repeated only as far as that may
be no secret.

It is read as libpq reads it (https://www.postgresql.org/docs/current/libpq-connect.html, section
"Connection URIs"), and refused where libpq would fail later, or take in silence what was not meant.
"""

import re
from collections.abc import Iterator, Mapping

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FORM = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>\d*))?", re.ASCII)
_NO_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\])|:(?!\d{0,5}(?:[,/]|$)).*", re.ASCII | re.DOTALL)
"""What stands where a port would, and is none; or an address with colons of its own."""
_OCTET = re.compile(rb"%([0-9A-Fa-f]{2})?")
_PARTS = ("user", "password", "host", "port", "dbname")
"""What has a place of its own in a URL; the rest are options behind the question mark."""

_SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
_FILES = frozenset({"passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir"})
_OPTIONS = (
    *_PARTS, "application_name", "channel_binding", "connect_timeout", "fallback_application_name",
    "gssdelegation", "gssencmode", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version",
    "min_protocol_version", "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope",
    "options", "passfile", "require_auth", "requirepeer", "scram_client_key", "scram_server_key",
    "service", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode",
    "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword", "sslrootcert",
    "sslsni", "target_session_attrs", "tcp_user_timeout",
)  # fmt: skip
"""Those of libpq 18, without what agentd decides (`client_encoding`, `replication`), what is for
finding faults in libpq, and what does nothing any more."""

_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "primary"),  # agentd writes
}
_HIGHEST_PORT = 65_535
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_ESCAPED = "% is written %25, / is written %2F, : is written %3A, and @ is written %40"
_SPLIT = "what is behind the password is no option: in a password, & is written %26"
"""What would be the name of an option may be the password's second half."""


class ServerUrl:
    """A server, a user, a database, and libpq's options; `str` and `repr` show no secret."""

    __slots__ = ("_parameters",)

    def __init__(self, parameters: Mapping[str, str]) -> None:
        """`parameters`: libpq's, by its keywords, without empty ones."""
        self._parameters = dict(parameters)

    def get(self, keyword: str) -> str | None:
        """What the URL says of it, in libpq's words; None where it says nothing, or it is secret.

        Of `host` and `port` there may be several, with commas.
        """
        return None if keyword in _SECRETS else self._parameters.get(keyword)

    @property
    def hosts(self) -> list[str]:
        """Names, addresses, and paths of the folders with a server's Unix socket; may be empty."""
        return _split(self._parameters.get("host") or self._parameters.get("hostaddr") or "")

    @property
    def shown(self) -> str:
        """The URL without what is secret: ASCII, on one line, and a URL of the same server."""
        return _format({k: v for k, v in self._parameters.items() if k not in _SECRETS})

    @property
    def conninfo(self) -> str:
        """The whole URL, for libpq and for nobody else: it has the secrets.

        Of several hosts it takes the one that can be written to.
        """
        several = {"target_session_attrs": "read-write"} if len(self.hosts) > 1 else {}
        return _format({**several, **self._parameters})

    @property
    def has_secret(self) -> bool:
        """Whether there is more to it than is shown."""
        return not _SECRETS.isdisjoint(self._parameters)

    def with_password(self, password: str) -> "ServerUrl":
        """The same with this password, where it has none of its own."""
        return ServerUrl({"password": password, **self._parameters})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServerUrl) and self._parameters == other._parameters

    def __hash__(self) -> int:
        return hash(self.shown)

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"ServerUrl({self.shown!r})"


def is_server_url(text: str) -> bool:
    """Whether that begins as a server's URL does."""
    return text.strip().startswith(("postgresql://", "postgres://"))


def parse_server_url(text: str) -> ServerUrl:
    """The server that `text` means. Raises `ValueError`, which says what was expected."""
    url = text.strip()
    if not url.isprintable() or " " in url:
        raise ValueError("a space, or a character that is not seen, is written %20, say")
    form = _FORM.fullmatch(url)
    if form is None:
        raise ValueError("expected postgresql://USER@HOST/DATABASE")
    if "@" in f"{form['hosts']}{form['dbname']}{form['query']}":
        raise ValueError(f"expected one @ at most, before the host; in a password, {_ESCAPED}")
    found: dict[str, str] = {}
    for keyword in ("user", "password", "dbname"):
        if form[keyword]:
            found[keyword] = _decode(keyword, form[keyword])
    found |= _parse_hosts(form["hosts"])
    for keyword, value in _parse_query(form["query"]):
        if keyword in found:
            raise ValueError(f"{keyword} is given twice: give it once")
        found[keyword] = value
    _check(found)
    return ServerUrl(found)


def mask(text: str) -> str:
    """Of a URL that cannot be read, what is no secret, however it was meant."""
    scheme = found[0] if (found := _SCHEME.match(text.strip())) else ""
    before, at, after = text.strip().removeprefix(scheme).rpartition("@")
    user = re.split("[:/?]", before, maxsplit=1)[0]
    if "?" in before:  # of a password, or of an option: what is behind it may be the rest of that
        return f"{scheme}{user}:***"
    hidden = ":***" if len(user) < len(before) else ""
    where, question, _ = after.partition("?")
    where = _NO_PORT.sub(lambda found: found[1] or ":***", where)
    return f"{scheme}{user}{hidden}{at}{where}{question and '?…'}"


def _parse_hosts(text: str) -> dict[str, str]:
    """`host` and `port`, with commas where there are several; without those that are not given."""
    hosts, ports = [], []
    for each in text.split(","):
        form = _HOST.fullmatch(each)
        if form is None:
            raise ValueError(
                f"expected hosts as in db.example.com:5432 or [::1]:5432; in a password, {_ESCAPED}"
            )
        hosts.append(_decode("host", form["six"] or form["name"]))
        ports.append(form["port"] or "")
    found = {"host": ",".join(hosts), "port": ",".join(ports)}
    return {keyword: value for keyword, value in found.items() if value.strip(",")}


def _parse_query(text: str | None) -> Iterator[tuple[str, str]]:
    """The options, each once."""
    seen: set[str] = set()
    for each in text.split("&") if text else ():
        name, equals, value = each.partition("=")
        if not equals or "=" in value:
            raise ValueError("expected options as in ?sslmode=verify-full&connect_timeout=5")
        keyword = _decode("name of an option", name)
        if keyword not in _OPTIONS:
            raise ValueError(_SPLIT if seen & _SECRETS else _say_unknown(keyword))
        if not value:
            raise ValueError(f"{keyword} has no value: give it one, or leave it out")
        if keyword in seen:
            raise ValueError(f"{keyword} is given twice: give it once")
        seen.add(keyword)
        yield keyword, _decode(keyword, value)


def _say_unknown(keyword: str) -> str:
    from agentd.suggestion import closest_name  # noqa: PLC0415 - rarely needed

    close = closest_name(keyword, _OPTIONS)
    hint = f": perhaps {close} is meant" if close else ""
    return f"agentd takes no option {keyword[:40]!r}{hint}"


def _check(found: Mapping[str, str]) -> None:
    """Raise `ValueError` where libpq would fail later, or agentd could not work with it."""
    if "dbname" not in found and "service" not in found:
        raise ValueError("no database is named: add its name, as in postgresql://USER@HOST/agentd")
    for keyword, choices in _CHOICES.items():
        if found.get(keyword, choices[0]) not in choices:
            raise ValueError(f"expected {keyword} to be one of {', '.join(choices)}")
    for keyword in sorted(_FILES & found.keys()):
        is_special = keyword == "sslrootcert" and found[keyword] == "system"
        if not found[keyword].startswith("/") and not is_special:
            raise ValueError(f"expected the whole path in {keyword}, from / on")
    _check_ports(found)


def _check_ports(found: Mapping[str, str]) -> None:
    hosts, ports = _split(found.get("host", "")), _split(found.get("port", ""))
    for port in filter(None, ports):
        is_number = port.isascii() and port.isdigit() and len(port) <= len(str(_HIGHEST_PORT))
        if not is_number or not 1 <= int(port) <= _HIGHEST_PORT:
            raise ValueError(f"expected a port from 1 to {_HIGHEST_PORT}")
    if len(ports) > 1 and len(ports) != len(hosts):
        raise ValueError("expected one port, or one for each host")


def _decode(what: str, text: str) -> str:
    """With what is percent-encoded as what it stands for."""
    octets = text.encode()
    if any(code in (b"", b"00") for code in _OCTET.findall(octets)):
        raise ValueError(f"the {what} has a % with no character's number behind it: {_ESCAPED}")
    try:
        return _OCTET.sub(lambda code: bytes([int(code[1], 16)]), octets).decode()
    except UnicodeDecodeError:
        raise ValueError(f"the {what} is not UTF-8") from None


def _format(parameters: Mapping[str, str]) -> str:
    """The URL that has these parameters."""
    user, password = parameters.get("user"), parameters.get("password")
    hosts = _format_hosts(parameters)
    options = {k: v for k, v in parameters.items() if k not in _PARTS}
    if hosts is None:  # the paths of sockets read better as options
        options |= {k: parameters[k] for k in ("host", "port") if k in parameters}
    credentials = _encode(user or "") + (f":{_encode(password)}" if password else "")
    return (
        f"postgresql://{credentials}{'@' if credentials else ''}{hosts or ''}"
        f"/{_encode(parameters.get('dbname', ''))}{'?' if options else ''}"
        + "&".join(f"{keyword}={_encode(options[keyword], '/:,')}" for keyword in sorted(options))
    )


def _format_hosts(parameters: Mapping[str, str]) -> str | None:
    """Hosts with their ports; None where one has no place before the database's name."""
    hosts, ports = _split(parameters.get("host", "")), _split(parameters.get("port", ""))
    if any(host.startswith(("/", "@")) for host in hosts) or len(ports) not in {0, len(hosts)}:
        return None
    shown = [f"[{_encode(host, ':')}]" if ":" in host else _encode(host) for host in hosts]
    return ",".join(
        f"{host}:{port}" if port else host
        for host, port in zip(shown, ports or [""] * len(hosts), strict=True)
    )


def _split(text: str) -> list[str]:
    return text.split(",") if text else []


def _encode(text: str, kept: str = "") -> str:
    return "".join(
        chr(octet) if chr(octet) in _UNRESERVED + kept else f"%{octet:02X}"
        for octet in text.encode()
    )
