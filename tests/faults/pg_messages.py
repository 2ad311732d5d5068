"""PostgreSQL's protocol, as far as it takes to find a COMMIT and its answer among the bytes.

The rule this file keeps: nothing is changed or kept back here; bytes go in, places come out. It is
written from PostgreSQL's manual ("Message Formats") and shares nothing with a client's library. A
connection that has gone over to TLS is opaque: nothing is found in it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

WRITES = re.compile(rb"\b(insert|update|delete|merge|copy)\b", re.IGNORECASE)
"""What a transaction that writes says at least once; `FOR UPDATE` is enough."""
BEGIN = re.compile(rb"\s*(begin|start\s+transaction)\b", re.IGNORECASE)
COMMIT = re.compile(rb"(^|;)\s*(commit|end)\s*(work|transaction)?\s*(;|$)", re.IGNORECASE)

ENCRYPTION_CODES = {80877103, 80877104}
"""SSLRequest and GSSENCRequest: both are answered by one byte."""
CANCEL_CODE = 80877102


class Message(NamedTuple):
    """One message; `place` is where it begins in the bytes that ended it, 0 if it began before."""

    place: int
    kind: bytes
    body: bytes


class Messages:
    """One direction's bytes as messages."""

    def __init__(self, *, typed: bool) -> None:
        self.typed = typed
        """Whether a message begins with its kind; a client's first ones do not."""
        self.opaque = False
        self.single = 0
        """How many answers of one byte come next."""
        self._left = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that end with these bytes."""
        begin = -len(self._left)
        self._left += data
        found = []
        while (size := self._size()) is not None:
            head = 1 if self.single else 4 + self.typed
            kind = bytes(self._left[:1]) if self.typed or self.single else b""
            found.append(Message(max(0, begin), kind, bytes(self._left[head:size])))
            del self._left[:size]
            begin += size
            self._look_at(found[-1])
        return found

    def _size(self) -> int | None:
        """Bytes of the next message; None where it is not complete."""
        if self.opaque or not self._left:
            return None
        if self.single:
            return 1
        size = self.typed + int.from_bytes(self._left[self.typed : self.typed + 4])
        return size if len(self._left) >= max(size, 4 + self.typed) else None

    def _look_at(self, message: Message) -> None:
        if self.single:
            self.single -= 1
            self.opaque = message.kind in {b"S", b"G"}
        elif not self.typed:
            self.typed = int.from_bytes(message.body[:4]) not in {*ENCRYPTION_CODES, CANCEL_CODE}
        if self.opaque:
            self._left.clear()


class Conversation:
    """What both sides of one connection say. Only transactions that write are told of."""

    def __init__(self) -> None:
        self._client = Messages(typed=False)
        self._server = Messages(typed=True)
        self._statements: dict[bytes, bytes] = {}
        self._writes = False
        self._unanswered: deque[bool] = deque()
        """For each COMMIT that was sent, whether its transaction writes."""

    def commit_in(self, data: bytes) -> int | None:
        """Where in the client's bytes the first message that says COMMIT begins."""
        found = None
        for message in self._client.feed(data):
            if not message.kind and int.from_bytes(message.body[:4]) in ENCRYPTION_CODES:
                self._server.single += 1
            text = self._text(message)
            if text is not None and self._is_commit(text) and found is None:
                found = message.place
        return found

    def answer_in(self, data: bytes) -> int | None:
        """Where in the server's bytes the first answer to a COMMIT begins."""
        found = None
        for message in self._server.feed(data):
            if message.kind == b"E":
                self._unanswered.clear()
            elif message.kind == b"C" and message.body in {b"COMMIT\0", b"ROLLBACK\0"}:
                wrote = self._unanswered.popleft() if self._unanswered else False
                if wrote and message.body == b"COMMIT\0" and found is None:
                    found = message.place
        self._client.opaque |= self._server.opaque
        return found

    def _text(self, message: Message) -> bytes | None:
        """The statement that this message has run, a prepared one too."""
        parts = message.body.split(b"\0", 2)
        if message.kind == b"Q":
            return parts[0]
        if message.kind == b"P":
            self._statements[parts[0]] = parts[1]
        if message.kind == b"B":
            return self._statements.get(parts[1])
        return None

    def _is_commit(self, text: bytes) -> bool:
        """Take a statement; whether it commits what writes."""
        if BEGIN.match(text):
            self._writes = False
        self._writes |= WRITES.search(text) is not None
        if COMMIT.search(text) is None:
            return False
        self._unanswered.append(self._writes)
        return self._writes
