"""A node as it is drawn."""

from msgspec import Struct


class Drawn(Struct):
    """One box. `state` is a word of `agentd.states`; `label` and `remark` are text of others."""

    id: str
    label: str
    state: str
    remark: str
    """What stands beside the state: who holds it, for instance. May be empty."""

    dependencies: list[str]
    """The ids of the nodes that it needs; those that are not drawn are passed over."""

    href: str
    """Where the box leads to."""
