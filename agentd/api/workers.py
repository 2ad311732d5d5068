"""ListWorkers: who waits for work, and who has some."""

from msgspec import Struct

from agentd.api.moments import FractionalSeconds
from agentd.api.params import Params


class ListWorkersParams(Params, forbid_unknown_fields=True):
    """List who waits for work, and who held some in the last 10 minutes, since the start."""


class WorkerView(Struct):
    """An owner of leases: how many it holds, and how many of its requests wait for one."""

    owner: str
    labels: list[str]
    waiting: int
    holding: int
    last_seen: FractionalSeconds


class ListWorkersResult(Struct):
    """The workers, by owner."""

    workers: list[WorkerView]
