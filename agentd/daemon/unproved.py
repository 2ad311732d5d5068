"""Clients over TCP that have not proved yet that they know the secret.

The rule this file keeps: they are served nothing, and cost next to nothing: a line or two of a few
hundred bytes, 5 s, one descriptor, and no more than 64 of them. Who comes when there are so many
takes the place of another, of one that was refused or is silent before one that has begun: so who
knows the secret comes in, however many there are that do not. A wrong proof ends the connection
that it came on, and no other.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import cast

import msgspec

from agentd.daemon.log import RateLimitedLog
from agentd.peers import peer_name
from agentd.proof import (
    LONGEST_LINE,
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

MOST = 64
"""Clients that have not proved it, those included that are about to be told that they did not."""

SECONDS = 5.0
"""How long a proof may take."""

REFUSAL_SECONDS = 1.0
"""After how long a wrong one is answered."""

_hello = msgspec.json.Decoder(Hello).decode
_client_proof = msgspec.json.Decoder(ClientProof).decode

_REFUSED = encode(
    Proved(proved=False, message="this is no proof: the protocol's page says how it is made")
)


class Unproved(asyncio.BufferedProtocol):
    """One of them, until it proves it or is ended."""

    def __init__(self, room: "WaitingRoom") -> None:
        self._room = room
        self._received = b""
        self._expected: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_refused = False

    @property
    def has_begun(self) -> bool:
        """Whether its proof is what comes next."""
        return self._expected is not None and not self.is_refused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was let in as far as here."""
        self._transport = cast("asyncio.Transport", transport)
        self._room.enter(self)
        self._end_after(SECONDS, self.end)

    def connection_lost(self, _exc: Exception | None) -> None:
        """It is gone."""
        self._leave()

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Where the next bytes go: a few of them."""
        return self._room.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Some bytes arrived: what is no line of a proof is the last of it."""
        self._received += self._room.buffer[:nbytes]
        while self._received[:1] == b"{" and b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            if self._expected is None:
                self._answer_hello(line)
            elif self._is_proved(line):
                self._leave()
                self._room.admit(self._transport, self._received)
                return
            else:
                self._refuse()
        if self._received[:1] not in {b"", b"{"} or len(self._received) >= LONGEST_LINE:
            self.end()

    def eof_received(self) -> bool:
        """It will prove nothing any more."""
        return self.is_refused

    def end(self) -> None:
        """Close at once, without a word."""
        self._leave()
        self._transport.abort()

    def _answer_hello(self, line: bytes) -> None:
        try:
            hello = _hello(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._refuse()
            return
        if hello.hello != NAME or not is_nonce(hello.nonce):
            self._refuse()
            return
        nonce = os.urandom(NONCE_BYTES).hex()
        ours, self._expected = self._room.proofs(hello.nonce, nonce)
        self._transport.write(encode(DaemonProof(nonce, ours)))

    def _is_proved(self, line: bytes) -> bool:
        try:
            sent = _client_proof(line).proof
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return self._expected is not None and is_proof(sent, self._expected)

    def _refuse(self) -> None:
        """Read no more of it, and say so in a while: a guess is to cost whoever makes it."""
        self._room.log_refusal(self._transport)
        self._transport.pause_reading()
        self.is_refused, self._received = True, b""
        self._end_after(REFUSAL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._leave()
        self._transport.write(_REFUSED)
        self._transport.close()

    def _end_after(self, seconds: float, end: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, end)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._room.leave(self)


class WaitingRoom:
    """All of them, in the order in which they came. `buffer` is where what they send goes through.

    `admit` is given the connection of who proved it, and what came behind the proof.
    """

    def __init__(self, secret: bytes, admit: Callable[[asyncio.Transport, bytes], None]) -> None:
        self.admit = admit
        self.buffer = bytearray(LONGEST_LINE)
        self._secret = secret
        self._waiting: dict[Unproved, None] = {}
        self._is_closed = False
        self._log = RateLimitedLog(10.0)

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, client: Unproved) -> None:
        """It has a place; where none is free, another has it no longer."""
        if len(self._waiting) >= MOST:
            next(self._in_the_order_of_leaving()).end()
        self._waiting[client] = None
        if self._is_closed:
            client.end()

    def leave(self, client: Unproved) -> None:
        """It is gone, or has proved it."""
        self._waiting.pop(client, None)

    def close(self) -> None:
        """End them all, and whoever is still on the way."""
        self._is_closed = True
        for client in list(self._waiting):
            client.end()

    def proofs(self, client_nonce: str, daemon_nonce: str) -> tuple[str, str]:
        """The daemon's, and the one that is expected of the client."""
        return (
            proof(self._secret, "daemon", client_nonce, daemon_nonce),
            proof(self._secret, "client", client_nonce, daemon_nonce),
        )

    def log_refusal(self, transport: asyncio.Transport) -> None:
        """Somebody tries."""
        client = peer_name(transport.get_extra_info("socket"))
        self._log.warning("refused %s: it does not prove that it knows the secret", client)

    def _in_the_order_of_leaving(self) -> Iterator[Unproved]:
        yield from (each for each in self._waiting if each.is_refused)
        yield from (each for each in self._waiting if not each.has_begun)
        yield from self._waiting
