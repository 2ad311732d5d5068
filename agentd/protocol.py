r"""JSON Lines without I/O: bytes in, requests out; results in, bytes out.

The rules this file keeps, all from the wire protocol:

- a request is one line of UTF-8 JSON, at most `LINE_LIMIT` bytes with its newline; `\r\n`, blank
  lines and a last line without a newline are tolerated;
- whatever else arrives is rejected with an error that carries the request's id, as far as it can be
  told, and only an oversized line ends the conversation (`RequestParser.closed`);
- nothing here trusts its input: encoding and depth are checked before a decoder sees the line.
"""

from array import array
from itertools import accumulate
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from agentd.broken_line import find_id
from agentd.errors import InvalidRequest, ParseError, RequestRefused, RequestTooLarge

LINE_LIMIT = 1_048_576
"""Bytes, the newline counted."""

DEPTH_LIMIT = 120
"""Nested arrays and objects in one line. Common parsers stop at 128 (Rust's serde_json), and a
payload comes back some levels deeper than it was sent."""

NO_ID = b""
UNKNOWN_ID = b"null"
_NO_PARAMS = Raw(b"{}")


class Request(Struct, frozen=True):
    """A request as it stood on its line; `id` is JSON, `NO_ID` where it was left out."""

    id: bytes
    method: str
    params: Raw


class RejectedLine(NamedTuple):
    """A line that is not a request, and why."""

    id: bytes
    error: RequestRefused


class _Envelope(Struct):
    method: str
    id: Raw = Raw(NO_ID)
    params: Raw = _NO_PARAMS


class _AnyObject(Struct):
    id: Raw = Raw(NO_ID)
    method: Raw = Raw(b"")


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_object = msgspec.json.Decoder(_AnyObject).decode
_encode = msgspec.json.Encoder().encode


class RequestParser:
    """The requests of one connection."""

    def __init__(self) -> None:
        self._pending = bytearray()  # one piece: a list of crumbs would take many times the line
        self.closed = False

    @property
    def pending(self) -> int:
        """Bytes of a line whose end has not come."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Request | RejectedLine]:
        """The requests that `data` completes. After `closed` there are no more."""
        if self.closed:
            return []
        *lines, rest = data.split(b"\n")
        if lines and self._pending:
            lines[0] = bytes(self._pending) + lines[0]
            self._pending.clear()
        found: list[Request | RejectedLine] = []
        for line in lines:
            if len(line) >= LINE_LIMIT:
                return [*found, self._too_large(line)]
            if (message := _parse_line(line)) is not None:
                found.append(message)
        if rest:
            self._pending += rest
            if len(self._pending) >= LINE_LIMIT:
                found.append(self._too_large(bytes(self._pending)))
        return found

    def end(self) -> list[Request | RejectedLine]:
        """The request on the last line, where the client ended its side without a newline."""
        return self.feed(b"\n") if self._pending else []

    def _too_large(self, line: bytes) -> RejectedLine:
        self.closed = True
        self._pending.clear()
        return RejectedLine(
            _id_of_broken_line(line),
            RequestTooLarge(
                f"a line is longer than {LINE_LIMIT} bytes; the connection is closed. "
                "Keep large data in files and send their paths",
                limit_bytes=LINE_LIMIT,
            ),
        )


def encode_result(request_id: bytes, result: object) -> bytes:
    """The response line of a request that succeeded."""
    if request_id:
        return b'{"id":%b,"result":%b}\n' % (request_id, _encode(result))
    return b'{"result":%b}\n' % _encode(result)


RESULT_END = b"}\n"


def result_start(request_id: bytes) -> bytes:
    """What stands before a result that is sent in pieces; behind it stands `RESULT_END`."""
    return b'{"id":%b,"result":' % request_id if request_id else b'{"result":'


def encode_error(request_id: bytes, error: RequestRefused) -> bytes:
    """The response line of a request that was refused."""
    body = _encode(
        {"code": error.code, "message": _encodable_text(error.message), "data": error.data}
    )
    if request_id:
        return b'{"id":%b,"error":%b}\n' % (request_id, body)
    return b'{"error":%b}\n' % body


def _parse_line(line: bytes) -> Request | RejectedLine | None:
    if not line or line.isspace():
        return None
    try:
        _check_text(line)
        line = _replace_returns(line)
        envelope = _decode_envelope(line)
    except ParseError as error:
        return RejectedLine(_id_of_broken_line(line), error)
    except msgspec.ValidationError as error:
        return _reject_object(line, error)
    except msgspec.DecodeError as error:
        return RejectedLine(_id_of_broken_line(line), ParseError(_why_not_json(line, error)))
    params = _NO_PARAMS if bytes(envelope.params) == b"null" else envelope.params
    return Request(bytes(envelope.id), envelope.method, params)


def _reject_object(line: bytes, why: msgspec.ValidationError) -> RejectedLine:
    """JSON, but not a request: keep the id if there is one."""
    try:
        msgspec.json.decode(line, type=Raw)  # a type can be wrong before the syntax is
        request_id = bytes(_decode_object(line).id)
    except msgspec.ValidationError:
        request_id = UNKNOWN_ID
    except msgspec.DecodeError as error:
        return RejectedLine(_id_of_broken_line(line), ParseError(f"the line is not JSON: {error}"))
    expected = 'a request is an object: {"id": …, "method": "Name", "params": {…}}'
    return RejectedLine(request_id, InvalidRequest(f"{why}; {expected}"))


def _why_not_json(line: bytes, error: msgspec.DecodeError) -> str:
    if "truncated" in str(error) and line.rstrip().endswith(b"}"):
        return r"the line is not JSON: half of a surrogate pair (\ud800 and the like) stands alone"
    return f"the line is not JSON: {error}"


def _check_text(line: bytes) -> None:
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise ParseError(
                f"the line is not UTF-8: byte 0x{line[error.start]:02x} at offset {error.start}"
            ) from None
    if nests_deeper(line, DEPTH_LIMIT):
        raise ParseError(f"the line nests deeper than {DEPTH_LIMIT} arrays and objects")


_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # +1 and -1 as signed bytes
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[{]}"'))
_BLOCK = 64
"""Brackets that are counted together where they cannot reach the limit."""


def nests_deeper(line: bytes, limit: int) -> bool:
    """Whether more than `limit` arrays and objects are nested in a line of JSON.

    Counted outside of strings; on invalid JSON it is exact up to the first fault.
    """
    if line.count(b"[") + line.count(b"{") <= limit:  # in all, as in most lines
        return False
    unescaped = line.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_STRUCTURE)
    outside = b"".join(unescaped.split(b'"')[::2]).translate(_STEPS)
    depth = 0
    for at in range(0, len(outside), _BLOCK):
        block = outside[at : at + _BLOCK]
        opened = block.count(b"\x01")
        if depth + opened > limit and depth + max(accumulate(array("b", block))) > limit:
            return True
        depth += 2 * opened - len(block)
    return False


def _replace_returns(line: bytes) -> bytes:
    r"""The line with its carriage returns made spaces: both are white space between JSON tokens.

    A payload is handed to other clients as it came in, and some read \r as the end of a line.
    """
    if b"\r" not in line:
        return line
    msgspec.json.decode(line, type=Raw)  # in a string it is an error, not white space
    return line.replace(b"\r", b" ")


def _id_of_broken_line(line: bytes) -> bytes:
    """The id of a line that does not decode, where it can be told; JSON null otherwise."""
    found = find_id(line)
    try:
        _check_text(found)
        return bytes(msgspec.json.decode(_replace_returns(found), type=Raw))
    except (msgspec.DecodeError, ParseError):
        return UNKNOWN_ID


def _encodable_text(text: str) -> str:
    """Error texts may quote what does not encode; it must not fail the answer."""
    return text.encode(errors="replace").decode()
