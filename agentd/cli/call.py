"""`agentd call METHOD [JSON|-]`: pretty on a terminal, plain JSON in a pipe."""

import argparse

import msgspec

from agentd.cli.failing import Usage
from agentd.cli.payload import given_bytes
from agentd.cli.printing import print_data, print_json
from agentd.cli.warned import tell
from agentd.client import Client
from agentd.text import malformed


def run(options: argparse.Namespace) -> int:
    """Send one request. Raises `Usage`, `RequestRefused` or `DaemonUnreachable`."""
    if not options.method.isprintable():
        raise Usage(f"{options.method!r} is no method's name")
    text = given_bytes(options.params or "{}", "the params")
    try:
        text.decode()
        params = msgspec.json.decode(text.strip() or b"{}", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Usage(f"the params are not a JSON object: {malformed(error)}") from error
    with Client(timeout=options.timeout) as client:
        result = client.raw_call(options.method, params)
    if options.json:
        print_data(msgspec.Raw(result))
    else:
        print_json(result)
    tell(result)
    return 0
