"""What `agentd limit close` and `open` send, and what they say where there is no such limit."""

import argparse

from agentd.api import OkResult
from agentd.cli.limit.known import all_limits
from agentd.client import Client
from agentd.errors import LimitUnknown


def close_limit(
    client: Client,
    options: argparse.Namespace,
    *,
    for_secs: float | None = None,
    until: float | str | None = None,
) -> OkResult:
    """Close a limit so long; for 0 seconds opens it.

    Raises `LimitUnknown`, which says what was probably meant, `InvalidParams`, `DaemonUnreachable`.
    """
    try:
        return client.close_limit(
            options.name, for_secs=for_secs, until=until, reason=options.reason, by=options.by
        )
    except LimitUnknown as error:
        message = f"no node names the limit {options.name!r}, and nobody has set it"
        raise LimitUnknown(f"{message}: {_advice(client, options.name)}") from error


def _advice(client: Client, name: str) -> str:
    from agentd.suggestion import closest_name  # seldom needed

    meant = closest_name(name, [each.name for each in all_limits(client)])
    asked = f"did you mean {meant!r}? " if meant else ""
    return f"{asked}`agentd limit list` shows those that were set"
