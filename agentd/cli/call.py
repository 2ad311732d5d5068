"""`agentd call METHOD [JSON|-]`: pretty on a terminal, plain JSON in a pipe."""

import argparse
import os
import sys

import msgspec

from agentd import config
from agentd.client import Client
from agentd.errors import BadSetting


def run(options: argparse.Namespace) -> int:
    """Send one request. Raises `RequestRefused` or `DaemonUnreachable`."""
    if not options.method.isprintable():
        raise BadSetting(f"{options.method!r} is no method's name")
    if options.params == "-" and sys.stdin is None:
        raise BadSetting("the params are to come from standard input, which is closed")
    text = sys.stdin.buffer.read() if options.params == "-" else os.fsencode(options.params)
    try:
        text.decode()
        params = msgspec.json.decode(text.strip() or b"{}", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadSetting(f"the params are not a JSON object: {error}") from error
    with Client(config.load().socket_path, options.timeout) as client:
        result = client.raw_call(options.method, params)
    print_json(result)
    return 0


def print_json(result: bytes) -> None:
    """Print JSON, indented for a person, as it came for a program."""
    if sys.stdout.isatty():
        result = msgspec.json.format(result, indent=2)
    sys.stdout.buffer.write(result + b"\n")
    sys.stdout.buffer.flush()
