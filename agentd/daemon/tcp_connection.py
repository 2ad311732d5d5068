"""A connection over TCP, once the client has proved that it knows the secret.

The rule this file keeps: it is served as one over a Unix socket is. What the kernel says of those
by itself, that a client which sends no more is gone and does not only listen, it says over TCP when
something was sent in vain. So while a request of such a client waits it is sent blank lines.
"""

import asyncio

from agentd.daemon.connection import Connection

_PROBE_SECONDS = 1.0


class TcpConnection(Connection):
    """See `Connection`."""

    def eof_received(self) -> bool:
        """The client sends no more, and may be gone."""
        goes_on = super().eof_received()
        if goes_on:
            self._probe()
        return goes_on

    def _probe(self) -> None:
        if self._transport.is_closing():
            return
        if self._service.is_waiting(self):
            if self._has_left():
                self.abort()
                return
            self._transport.write(b"\n")
        asyncio.get_running_loop().call_later(_PROBE_SECONDS, self._probe)
