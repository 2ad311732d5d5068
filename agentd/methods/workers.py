"""ListWorkers."""

from msgspec import Struct

from agentd.api import ListWorkersResult
from agentd.decide import Context
from agentd.store import Reader


def list_workers(_reader: Reader, _params: Struct, context: Context) -> ListWorkersResult:
    """Those that this daemon knows."""
    return ListWorkersResult(list(context.workers.list()))
