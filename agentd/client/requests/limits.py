"""Limits: how many nodes that name one may run, how often one may be acquired, and none for now."""

from collections.abc import Mapping
from typing import Any

from agentd import api
from agentd.client.nodes import as_struct
from agentd.client.requests.request import Id, Request, request_id_or_new
from agentd.errors import InvalidParams


def set_limit(
    name: str,
    max_running: int | None,
    *,
    rate: api.RateSpec | Mapping[str, Any] | None = None,
    request_id: Id | None = None,
) -> Request[api.OkResult]:
    """Set how many nodes that name a limit may run at once, and how often one may be acquired.

    Both are replaced; None is any number, or any rate. `rate` is {"count": 1 to 10,000,
    "per_secs": 1 to 86,400}: never more acquisitions than that in any so many seconds. Nodes that
    run are counted, and nothing is taken from them. Raises `InvalidParams`, `RequestIdReused`.
    """
    params = api.SetLimitParams(
        name=name,
        max_running=max_running,
        rate=as_struct(rate, api.RateSpec, "$.rate", "SetLimit"),
        request_id=request_id_or_new(request_id),
    )
    return Request("SetLimit", params, api.OkResult)


def close_limit(
    name: str,
    *,
    for_secs: float | None = None,
    until: float | str | None = None,
    reason: str | None = None,
    by: str | None = None,
    request_id: Id | None = None,
) -> Request[api.OkResult]:
    """Hand out nothing that names a limit for so long, to anybody: a quota is used up, say.

    Either `for_secs` or `until` (Unix seconds, or RFC 3339); for 0 seconds opens it. Raises
    `LimitUnknown` where no node names it and nobody has set it, `InvalidParams`, `RequestIdReused`.
    """
    try:
        params = api.CloseLimitParams(
            name=name,
            for_secs=for_secs,
            until=until,
            reason=reason,
            by=by,
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:
        raise InvalidParams(f"CloseLimit: {error}") from error
    return Request("CloseLimit", params, api.OkResult)


def list_limits(*, limit: int = 1_000, after: str | None = None) -> Request[api.ListLimitsResult]:
    """List the limits that were set or closed, by name: at most `limit` (1 to 1,000) of them.

    `after` is the `next` of the page before this one; on the last it is None.
    """
    params = api.ListLimitsParams(limit=limit, after=after)
    return Request("ListLimits", params, api.ListLimitsResult)
