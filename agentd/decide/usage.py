"""What is told of usage, and whether it makes a task reach its budget."""

from collections.abc import Mapping

from agentd.api import MOST_UNITS
from agentd.decide.state import NodeState
from agentd.errors import InvalidParams
from agentd.events import Amounts
from agentd.projections.usage import add


def spends(state: NodeState, usage: Amounts) -> bool:
    """Whether the task has reached its budget with this. Raises `InvalidParams` for a unit more."""
    if state.ledger is None:
        return False
    used = dict(state.ledger.used)
    for unit, amount in usage.items():
        used[unit] = add(used.get(unit, 0), amount)
    if len(used) > MOST_UNITS:
        raise InvalidParams(
            f"`$.usage`: task {state.task_id} would have {len(used)} units, and {MOST_UNITS} are "
            f"the most; it has {', '.join(list(state.ledger.used)[:MOST_UNITS])}"
        )
    return is_reached(state.ledger.budget, used)


def is_reached(budget: Amounts | None, used: Mapping[str, int | float]) -> bool:
    """Whether any unit of the budget is used up."""
    return budget is not None and any(used.get(unit, 0) >= most for unit, most in budget.items())
