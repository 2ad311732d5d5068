"""Which TCP addresses agentd takes."""

import pytest

from agentd.loopback import Loopback, parse_loopback


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:7777", "127.0.0.1", 7777),
        (" 127.8.9.10:1 ", "127.8.9.10", 1),
        ("[::1]:65535", "::1", 65535),
        ("[0:0:0:0:0:0:0:1]:80", "::1", 80),
    ],
)
def test_an_address_of_this_machine(text: str, host: str, port: int) -> None:
    """In digits, with a port; it is shown as it may be given."""
    found = parse_loopback(text)
    assert found == Loopback(host, port)
    assert parse_loopback(str(found)) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "an address and a port"),
        ("7777", "an address and a port"),
        ("127.0.0.1", "an address and a port"),
        ("127.0.0.1:", "an address and a port"),
        ("127.0.0.1:٣", "an address and a port"),
        ("::1:7777", "an address and a port"),
        ("127.0.0.1:0", "a port from 1 to 65535"),
        ("127.0.0.1:65536", "a port from 1 to 65535"),
        ("localhost:7777", "in digits"),
        ("127.0.0.1.evil.com:7777", "in digits"),
        ("127.1:7777", "in digits"),
        ("0127.0.0.1:7777", "in digits"),
        ("[::1%lo]:7777", "this machine alone"),
        ("[::ffff:127.0.0.1]:7777", "this machine alone"),
        ("[127.0.0.1]:7777", "this machine alone"),
        ("0.0.0.0:7777", "this machine alone"),
        ("[::]:7777", "this machine alone"),
        ("10.0.0.1:7777", "this machine alone"),
        ("128.0.0.1:7777", "this machine alone"),
    ],
)
def test_any_other(text: str, why: str) -> None:
    """Names, other machines' and every address, and what is only like one, are refused."""
    with pytest.raises(ValueError, match=why):
        parse_loopback(text)


def test_any_port() -> None:
    """A daemon may be given port 0."""
    assert parse_loopback("127.0.0.1:0", lowest_port=0).port == 0
