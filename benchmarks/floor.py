"""Rule: do the least that is still durable, as fast as Python and SQLite allow.

The floor that agentd is measured against: the same framing and wire methods, one `jobs`
table, one UPDATE per call, WAL, `synchronous=FULL`, and one commit for all the requests
of an event loop iteration. No journal, no DAG, no leases, no validation.
Run: `python -m benchmarks.floor SOCKET DATABASE`.
"""

import asyncio
import sys
from typing import cast

import apsw
import msgspec
import uvloop

# locking_mode=EXCLUSIVE would be some 5 % faster, and nobody could read beside it.
SCHEMA = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
CREATE TABLE jobs (id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, result BLOB);
CREATE INDEX ready ON jobs (id) WHERE state = 0;
"""
CLAIM = """UPDATE jobs SET state = 1
WHERE id = (SELECT id FROM jobs WHERE state = 0 ORDER BY id LIMIT 1) RETURNING id"""
FINISH = "UPDATE jobs SET state = 2, result = ?2 WHERE id = ?1 AND state = 1 RETURNING id"


class Params(msgspec.Struct):
    node_id: str = "0"
    result_payload: msgspec.Raw = msgspec.Raw(b"null")
    initial_nodes: list[msgspec.Raw] = []


class Request(msgspec.Struct):
    id: msgspec.Raw
    method: str
    params: Params = msgspec.field(default_factory=Params)


class Floor:
    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self.db = apsw.Connection(path)
        self.db.execute(SCHEMA).fetchall()
        self.loop = loop
        self.waiting: list[tuple[asyncio.WriteTransport, bytes]] = []
        self.decode = msgspec.json.Decoder(Request).decode

    def take(self, transport: asyncio.WriteTransport, line: bytes) -> None:
        if not self.waiting:  # runs after every socket that is readable now has been read
            self.loop.call_soon(self.commit)
        self.waiting.append((transport, line))

    def commit(self) -> None:
        batch, self.waiting = self.waiting, []
        self.db.execute("BEGIN IMMEDIATE")
        answers = [(transport, self.answer(self.decode(line))) for transport, line in batch]
        self.db.execute("COMMIT")
        for transport, answer in answers:
            transport.write(answer)

    def answer(self, request: Request) -> bytes:
        params, result = request.params, b"null"
        if request.method == "AcquireNextNode":
            for (job,) in self.db.execute(CLAIM):
                result = b'{"node_id":"%d","lease_id":"%d"}' % (job, job)
        elif request.method == "CompleteNode":
            for (job,) in self.db.execute(FINISH, (int(params.node_id), params.result_payload)):
                result = b'{"event_id":"%d"}' % job
        elif request.method == "RegisterTask":
            self.db.executemany(
                "INSERT INTO jobs (state) VALUES (?)", [(0,)] * len(params.initial_nodes)
            )
            result = b'{"task_id":"0"}'
        return b'{"id":%b,"result":%b}\n' % (request.id, result)


class Connection(asyncio.Protocol):
    def __init__(self, floor: Floor) -> None:
        self.floor, self.rest = floor, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.floor.take(self.transport, line)


async def serve(socket: str, database: str) -> None:
    loop = asyncio.get_running_loop()
    floor = Floor(database, loop)
    server = await loop.create_unix_server(lambda: Connection(floor), socket)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
