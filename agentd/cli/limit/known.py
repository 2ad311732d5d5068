"""The limits that there are, asked of the daemon."""

from agentd.api import LimitView
from agentd.client import Client
from agentd.client.questions import find_out
from agentd.inbox.waiting import ask_limits


def all_limits(client: Client) -> list[LimitView]:
    """Those that were set or closed, of all pages."""
    return find_out(client, ask_limits())


def find_limit(client: Client, name: str) -> LimitView | None:
    """The one of that name, where it was set or closed."""
    return next((limit for limit in all_limits(client) if limit.name == name), None)
