"""The limits that there are, asked of the daemon."""

from agentd.api import LimitView
from agentd.client import Client


def all_limits(client: Client) -> list[LimitView]:
    """Those that were set or closed, of all pages."""
    page = client.list_limits()
    limits = [*page.limits]
    while page.next is not None:
        page = client.list_limits(after=page.next)
        limits += page.limits
    return limits


def find_limit(client: Client, name: str) -> LimitView | None:
    """The one of that name, where it was set or closed."""
    return next((limit for limit in all_limits(client) if limit.name == name), None)
