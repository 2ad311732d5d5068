"""Accepting connections over TCP.

The rule this file keeps: whoever comes is nobody before the proof: no request is read, and none of
the connections that clients may have is taken. One is let in at a time, and where many wait there
is a breath before the next, so that those who were let in have their turn.
"""

import asyncio
import socket
from collections import deque

from agentd.daemon.acceptor import MOST_SENT_AWAY, SENT_AWAY_SECONDS, Acceptor
from agentd.daemon.service import Service
from agentd.daemon.tcp_connection import TcpConnection
from agentd.daemon.tcp_listener import TcpListener, set_up_connection
from agentd.daemon.unproved import Unproved, WaitingRoom
from agentd.proof import Proved, encode
from agentd.protocol import UNKNOWN_ID, encode_error

CROWDED = 16
"""Clients without a proof, from which on further ones are let in slowly."""

BREATH_SECONDS = 0.001
"""How long the others have then, before the next are let in."""

_PROVED = encode(Proved(proved=True))


class TcpAcceptor(Acceptor):
    """Lets clients prove that they know the secret, and then in, up to `most` of them."""

    accepted_at_once = 1

    def __init__(self, listener: TcpListener, service: Service, most: int) -> None:
        super().__init__(listener.socket, service, most)
        self._room = WaitingRoom(listener.secret, self._let_in)
        self._one_too_many: deque[asyncio.Transport] = deque()

    def close(self) -> None:
        """Let nobody in any more."""
        super().close()
        self._room.close()
        for transport in self._one_too_many:
            transport.abort()

    def _accept(self) -> None:
        if len(self._room) >= CROWDED:
            self._pause(BREATH_SECONDS)
        super()._accept()

    def _admit(self, client: socket.socket) -> None:
        entering = self._loop.create_task(self._prove(client))
        self._connecting.add(entering)
        entering.add_done_callback(self._connecting.discard)

    async def _prove(self, client: socket.socket) -> None:
        try:
            set_up_connection(client)
            await self._loop.connect_accepted_socket(lambda: Unproved(self._room), client)
        except OSError:  # it is gone already
            client.close()

    def _let_in(self, transport: asyncio.Transport, rest: bytes) -> None:
        """`rest` is what the client sent behind its proof."""
        if self._service.connection_count >= self._most:
            self._tell_full(transport)
            return
        connection = self._service.new_connection(TcpConnection)
        transport.set_protocol(connection)
        transport.write(_PROVED)
        connection.connection_made(transport)
        if rest:
            connection.get_buffer(len(rest))[: len(rest)] = rest
            connection.buffer_updated(len(rest))

    def _tell_full(self, transport: asyncio.Transport) -> None:
        """As `_send_away`."""
        transport.pause_reading()
        transport.write(_PROVED + encode_error(UNKNOWN_ID, self._full()))
        transport.write_eof()
        # Closed at once, its first request would break on the way, and the refusal be lost.
        self._one_too_many.append(transport)
        if len(self._one_too_many) > MOST_SENT_AWAY:
            self._one_too_many.popleft().abort()
        self._loop.call_later(SENT_AWAY_SECONDS, transport.abort)
