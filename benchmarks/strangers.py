"""Rule: strangers do all that one can without the secret, as fast as one process may.

It has the lowest priority: what they cost the daemon is asked, not what any busy process costs.

`python -m benchmarks.strangers PORT TRIES NONCE PROOF`: the last two were right once, on another
connection. Prints a line when it begins, and then how many bytes it was served that belong to no
proof.
"""

import asyncio
import os
import sys
from contextlib import suppress
from itertools import count

import msgspec

AT_ONCE = 32
NAME = "agentd-proof-v1"
_REQUEST = b'{"id":1,"method":"ListTasks"}\n'


class Strangers:
    """So many tries, one after the other by each of 32."""

    def __init__(self, port: int, tries: int, nonce: str, proof: str) -> None:
        self._port, self._tries, self._nonce, self._proof = port, tries, nonce, proof
        self._numbers = count()
        self.served = 0

    async def run(self) -> None:
        """All of them."""
        await asyncio.gather(*(self._try_again_and_again() for _ in range(AT_ONCE)))

    async def _try_again_and_again(self) -> None:
        while (number := next(self._numbers)) < self._tries:
            with suppress(ConnectionError):
                await self._try(number)

    async def _try(self, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            if number % 4 == 0:  # missing
                writer.write(_REQUEST)
            else:
                writer.write(_line({"hello": NAME, "nonce": self._nonce}))
                greeting = msgspec.json.decode(await reader.readline())
                proofs = ("0" * 64, self._proof, greeting["proof"])  # wrong, replayed, reflected
                writer.write(_line({"proof": proofs[number % 4 - 1]}) + _REQUEST)
            # Nobody waits for all of the second: the next try is made meanwhile.
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    said = await reader.read()
                    self.served += 0 if said.startswith(b'{"proved":false') else len(said)
        finally:
            writer.close()


def _line(said: dict[str, str]) -> bytes:
    return msgspec.json.encode(said) + b"\n"


if __name__ == "__main__":
    os.nice(19)
    strangers = Strangers(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
    print("begun", flush=True)
    asyncio.run(strangers.run())
    print(strangers.served, flush=True)
