"""JSON from the command line or from standard input.

The rule this file keeps: it is handed on as it was written, and what is not JSON is refused here.
"""

import os
import sys

import msgspec

from agentd.cli.failures import Usage
from agentd.text import malformed_reason


def read_argument(given: str, what: str) -> bytes:
    """The argument itself, or standard input where it is "-". Raises `Usage`."""
    if given != "-":
        return os.fsencode(given)
    if sys.stdin is None:
        raise Usage(f"{what} is to come from standard input, which is closed")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        told = f"{what} cannot be read from standard input: {error.strerror or error}"
        raise Usage(told) from error


def parse_payload(given: str | None, what: str) -> msgspec.Raw:
    """The JSON value that was given, null where there is none. Raises `Usage`."""
    if given is None:
        return msgspec.Raw(b"null")
    text = read_argument(given, what).strip()
    try:
        text.decode()
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        told = f"{what} is not JSON: {malformed_reason(error)}; a text is written as '\"a text\"'"
        raise Usage(told) from error
    return msgspec.Raw(text)
