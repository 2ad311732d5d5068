"""CancelTask, PauseTask, ResumeTask and SetBudget: what holds a task."""

from msgspec import Struct

from agentd.api.amounts import Budget
from agentd.api.params import TaskParams
from agentd.api.types import ResultId


class OkResult(Struct):
    """It is done, or was so already."""

    ok: bool = True


class ReasonedParams(TaskParams):
    """Params that may say why, and who says so."""

    reason: str | None = None
    by: str | None = None


class CancelTaskParams(ReasonedParams, forbid_unknown_fields=True):
    """Cancel a task and its descendants: leases are revoked, nothing more is handed out."""


class CancelTaskResult(Struct):
    """The tasks that this request cancelled, the one that it names first."""

    cancelled: list[ResultId]
    ok: bool = True


class PauseTaskParams(ReasonedParams, forbid_unknown_fields=True):
    """Hand out nothing more of a task until it is resumed; holders go on."""


class ResumeTaskParams(ReasonedParams, forbid_unknown_fields=True):
    """Hand out nodes of a task again that was paused."""


class SetBudgetParams(TaskParams, forbid_unknown_fields=True):
    """Replace a task's budget, null: none; where a unit of it is reached nothing is handed out."""

    budget: Budget | None
