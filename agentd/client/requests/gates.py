"""Gates: what people are asked, and what they answer."""

from agentd import api
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.errors import InvalidParams


def list_gates(
    *,
    open: bool = True,  # noqa: A002 - the name on the wire
    task_id: Id | None = None,
    limit: int = 1_000,
    after: Id | None = None,
) -> Request[api.ListGatesResult]:
    """List the gates that wait for a decision, oldest first, or with `open` False the decided ones.

    Of all tasks, or of one; at most `limit` (1 to 1,000) of them. `after` is the `next` of the page
    before this one; on the last it is None. Raises `TaskNotFound`, and `InvalidParams` where
    `after` is no gate that was ever open.
    """
    params = api.ListGatesParams(
        open=open,
        task_id=None if task_id is None else str(task_id),
        limit=limit,
        after=None if after is None else str(after),
    )
    return Request("ListGates", params, api.ListGatesResult)


def decide_gate(
    task_id: Id,
    node_id: Id,
    decision: api.Decision,
    *,
    by: str | None = None,
    note: str | None = None,
    request_id: Id | None = None,
) -> Request[api.DecideGateResult]:
    """Approve or reject a gate that is open: its node completes, or fails.

    Its result is {"decision", "by", "note"}: what its dependents find. Raises `TaskNotFound`,
    `NodeNotFound`, `TaskIsCancelled`, `RequestIdReused`, and `GateNotOpen` where there is nothing
    to decide: the node is no gate, waits for others, or was decided.
    """
    if decision not in ("approve", "reject"):
        raise InvalidParams(f"DecideGate: `$.decision`: {decision!r} is neither approve nor reject")
    params = api.DecideGateParams(
        task_id=str(task_id),
        node_id=str(node_id),
        decision=decision,
        by=by,
        note=note,
        request_id=request_id_or_new(request_id),
    )
    return Request("DecideGate", params, api.DecideGateResult)
