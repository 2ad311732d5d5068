"""`agentd mcp`: serve tool calls on standard input and output until the client is gone."""

import argparse
import sys

from agentd.cli.extras import install_command, require_extra
from agentd.cli.failures import Usage
from agentd.errors import Failure
from agentd.mcp.client_watch import Line

_FOR_PEOPLE = """\
agentd mcp: serves an agent on standard input and output, here a terminal.
docs/agents.md says how an agent starts it; Ctrl-C ends it."""


def run(options: argparse.Namespace) -> int:
    """Serve. Raises `Failure` where the SDK is not installed."""
    if options.owner == "":
        raise Usage("--owner '': expected a name")
    line = Line()  # before the SDK, which takes a second: a client may be gone by then
    require_extra("agentd mcp", "mcp", ("mcp",))
    try:
        import mcp.server.mcpserver  # noqa: F401 - 1.x of the SDK has none
    except ModuleNotFoundError as error:
        raise Failure(
            "agentd mcp needs a later mcp than the one that is installed: "
            f"`{install_command('mcp', ('mcp',))}` replaces it"
        ) from error
    if sys.stdin is None:
        raise Usage("standard input is closed: an agent talks to `agentd mcp` through it")
    if sys.stdin.isatty():
        print(_FOR_PEOPLE, file=sys.stderr)
    from agentd.mcp.serve import serve

    serve(line, options.owner, for_human=options.human, idle_secs=options.idle)
    return 0
