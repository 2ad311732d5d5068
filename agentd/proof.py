"""How two programs prove to each other that they know one secret, without saying it.

The rule this file keeps: a proof is good for one side of one connection. It is an HMAC over the
role of who proves (else it could be sent back as one's own) and over both nonces (else it could be
sent a second time). The daemon proves first: a client sends nothing of use to whoever cannot.

    client  {"hello":"agentd-proof-v1","nonce":N}
    daemon  {"nonce":M,"proof":HMAC(secret, "agentd-proof-v1 daemon N M")}
    client  {"proof":HMAC(secret, "agentd-proof-v1 client N M")}
    daemon  {"proved":true}, or, a second later, {"proved":false,"message":WHY}
"""

import hmac
import re
from typing import Final, Literal

import msgspec
from msgspec import Struct

NAME: Final = "agentd-proof-v1"

NONCE_BYTES = 32
SECRET_BYTES = 32

LONGEST_LINE = 512
"""Bytes of a line that belongs to a proof, its newline counted: the longest of ours has 154."""

_HEX = re.compile(rb"[0-9a-f]{64}")


class Hello(Struct, forbid_unknown_fields=True):
    """What a client begins with."""

    hello: str
    nonce: str


class DaemonProof(Struct):
    """What the daemon answers."""

    nonce: str
    proof: str


class ClientProof(Struct, forbid_unknown_fields=True):
    """What the client answers to that."""

    proof: str


class Proved(Struct, omit_defaults=True):
    """The daemon's last word before the first request, or its last."""

    proved: bool
    message: str = ""


def proof(
    secret: bytes, role: Literal["client", "daemon"], client_nonce: str, daemon_nonce: str
) -> str:
    """What one side has to know, in hexadecimal digits."""
    said = f"{NAME} {role} {client_nonce} {daemon_nonce}"
    return hmac.digest(secret, said.encode("ascii"), "sha256").hex()


def is_proof(sent: str, expected: str) -> bool:
    """Whether they are the same; it takes as long where they are not."""
    return hmac.compare_digest(sent.encode(), expected.encode())


def is_nonce(text: str) -> bool:
    """Whether it has the form of one: 64 hexadecimal digits, in lower case."""
    return _HEX.fullmatch(text.encode()) is not None


def read_secret(text: bytes) -> bytes | None:
    """The secret in a file's text, or None where there is none."""
    digits = text.strip()
    return bytes.fromhex(digits.decode()) if _HEX.fullmatch(digits) else None


def encode(message: Struct) -> bytes:
    """A line."""
    return msgspec.json.encode(message) + b"\n"
