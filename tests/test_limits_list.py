"""What the list of limits costs."""

from agentd.api import ListLimitsParams
from agentd.projections import DemandRow
from agentd.queries import list_limits
from agentd.store.memory import MemoryStore, MemoryTx
from tests.core import NOW, Core, spec


class CountedReader(MemoryTx):
    """A reader that notes what demands it was asked for."""

    def __init__(self, tx: MemoryTx) -> None:
        super().__init__(tx.records, tx.tables)
        self.read: list[list[DemandRow]] = []

    def demands_in_queue(self) -> list[DemandRow]:
        self.read.append(super().demands_in_queue())
        return self.read[-1]


def test_a_page_reads_once_what_ready_nodes_demand() -> None:
    """However many limits are on it, and whatever was demanded before."""
    core = Core(store := MemoryStore())
    core.register(spec(1, limits=["api", "gpu"]), spec(2, limits=["gpu"]), spec(3, 1, limits=["x"]))
    core.do("CancelTask", task_id=core.register(spec(4, limits=["net"])))
    for name in ("api", "gpu", "net"):
        core.do("SetLimit", name=name, max_running=1)
    with store.read() as tx:
        reader = CountedReader(tx)
        page = list_limits(reader, ListLimitsParams(), NOW)
    assert [one.waiting for one in page.limits] == [1, 2, 0]
    [read] = reader.read
    assert sorted(row.limits for row in read) == ['["api","gpu"]', '["gpu"]']
