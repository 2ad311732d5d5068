"""The client's side of the proof over TCP.

The rule this file keeps: the other end proves it first. To whoever does not know the secret goes a
number that means nothing, and nothing else.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import msgspec

from agentd.errors import NotProved
from agentd.proof import (
    NAME,
    NONCE_BYTES,
    ClientProof,
    DaemonProof,
    Hello,
    Proved,
    encode,
    is_nonce,
    is_proof,
    proof,
)
from agentd.text import printable

Proof = Generator[bytes, bytes, None]
"""Yields lines to be sent, and is sent the line that answers each. Raises `NotProved`."""

Answer = TypeVar("Answer", DaemonProof, Proved)

_LONGEST_SHOWN = 120


def prove(address: str, secret_file: Path, secret: bytes) -> Proof:
    """The lines of one proof. Raises `NotProved`."""
    nonce = os.urandom(NONCE_BYTES).hex()
    theirs = _decode(address, (yield encode(Hello(NAME, nonce))), DaemonProof)
    expected = proof(secret, "daemon", nonce, theirs.nonce) if is_nonce(theirs.nonce) else ""
    if not is_proof(theirs.proof, expected):
        raise NotProved(
            f"what listens on {address} does not know the secret in {secret_file}: it is "
            "not your daemon, or the secret is another daemon's. Nothing was sent to it"
        )
    ours = proof(secret, "client", nonce, theirs.nonce)
    last = _decode(address, (yield encode(ClientProof(ours))), Proved)
    if not last.proved:
        why = printable(last.message[:_LONGEST_SHOWN])
        raise NotProved(f"the daemon on {address} does not take our proof: {why}")


def _decode(address: str, line: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        shown = printable(line[:_LONGEST_SHOWN].decode("utf-8", "replace").strip())
        raise NotProved(
            f"what listens on {address} is not agentd: it says '{shown}'. Nothing was sent to it"
        ) from error
