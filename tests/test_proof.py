"""The proof over TCP is what the protocol's page says it is."""

import json
import re

import msgspec
import pytest

from agentd.client import connection
from agentd.daemon import unproved
from agentd.proof import (
    LONGEST_LINE,
    NAME,
    ClientProof,
    DaemonProof,
    Hello,
    Proved,
    encode,
    is_nonce,
    is_proof,
    proof,
    read_secret,
)
from tests.daemon_process import REPOSITORY
from tests.documents import blocks, section
from tests.tcp import mac

PAGE = REPOSITORY / "docs" / "protocol.md"
TOLD = section("Over TCP", PAGE)


def test_the_example_of_the_page() -> None:
    """Every byte of it is what both sides make."""
    found = re.search(r"secret `([0-9a-f]{64})`", TOLD)
    assert found
    secret = read_secret(found[1].encode())
    assert secret is not None
    [session] = blocks(TOLD, "jsonl")
    hello, daemons, clients, last = (line[2:].encode() for line in session.splitlines())
    mine, theirs = json.loads(hello)["nonce"], json.loads(daemons)["nonce"]
    assert encode(Hello(NAME, mine)) == hello + b"\n"
    assert encode(DaemonProof(theirs, proof(secret, "daemon", mine, theirs))) == daemons + b"\n"
    assert encode(ClientProof(proof(secret, "client", mine, theirs))) == clients + b"\n"
    assert encode(Proved(proved=True)) == last + b"\n"


def test_the_numbers_of_the_page() -> None:
    """Bytes, seconds and connections are those of the program."""
    words = " ".join(TOLD.split())
    assert f"`{NAME} daemon N M`" in words
    assert f"has {LONGEST_LINE} bytes" in words
    assert f"answered after {unproved.REFUSAL_SECONDS:g} s" in words
    assert f"done in {unproved.SECONDS:g} s" in words
    assert f"{unproved.MOST} connections may be unproved" in words
    assert connection.LONGEST_PROOF_LINE == LONGEST_LINE


@pytest.mark.parametrize("role", ["client", "daemon"])
def test_what_a_proof_depends_on(role: str) -> None:
    """On secret, role and both nonces: one of another connection, or another side, is none."""
    secret, one, two = bytes(32), "1" * 64, "2" * 64
    right = proof(secret, role, one, two)  # type: ignore[arg-type]
    assert is_proof(right, mac(secret, role, one, two))
    others = [
        mac(bytes(31) + b"\1", role, one, two),
        mac(secret, "client" if role == "daemon" else "daemon", one, two),
        mac(secret, role, two, one),
        mac(secret, role, one, one),
        mac(secret, role, two, two),
    ]
    assert not any(is_proof(each, right) for each in [*others, "", right[:-1], "é"])


def test_what_is_a_nonce() -> None:
    """64 digits in lower case, so that two of them and a space have one reading."""
    assert is_nonce("0123456789abcdef" * 4)
    for text in ("", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "é" * 64, " " + "a" * 63):
        assert not is_nonce(text)


def test_a_line_is_short() -> None:
    """The longest that we say is far from the longest that is read."""
    longest = encode(DaemonProof("f" * 64, "f" * 64))
    assert len(longest) < LONGEST_LINE / 2
    assert msgspec.json.decode(longest)["nonce"] == "f" * 64
