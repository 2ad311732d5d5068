"""`agentd call METHOD [JSON|-]`: pretty on a terminal, plain JSON in a pipe."""

import argparse

import msgspec

from agentd.cli.daemon_warnings import print_result_warnings
from agentd.cli.failures import Usage
from agentd.cli.payload import read_argument
from agentd.cli.printing import print_data, print_json
from agentd.client import Client
from agentd.errors import UnknownMethod
from agentd.text import malformed_reason


def run(options: argparse.Namespace) -> int:
    """Send one request. Raises `Usage`, `RequestRefused` or `DaemonUnreachable`."""
    if not options.method.isprintable():
        raise Usage(f"{options.method!r} is no method's name")
    text = read_argument(options.params or "{}", "the params")
    try:
        text.decode()
        params = msgspec.json.decode(text.strip() or b"{}", type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Usage(f"the params are not a JSON object: {malformed_reason(error)}") from error
    with Client(timeout=options.timeout) as client:
        try:
            result = client.raw_call(options.method, params)
        except UnknownMethod as refusal:  # the daemon compares no names: that takes its time
            if "did you mean" in refusal.message:
                raise
            told = f"{refusal.message}{_suggestion(options.method)}"
            raise UnknownMethod(told, **refusal.data) from refusal
    if options.json:
        print_data(msgspec.Raw(result))
    else:
        print_json(result)
    print_result_warnings(result)
    return 0


def _suggestion(name: str) -> str:
    from agentd.methods import BY_NAME
    from agentd.suggestion import closest_name

    spellings = {each.replace("_", "").lower(): method.name for each, method in BY_NAME.items()}
    near = closest_name(name.replace("_", "").lower(), [*spellings])
    meant = spellings.get(near or "")
    return f"; did you mean `{meant}`?" if meant else ""
