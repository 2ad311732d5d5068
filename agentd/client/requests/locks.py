"""Resource locks: taken, kept, given back and listed."""

from typing import Any

from msgspec import UNSET

from agentd import api
from agentd.client.requests.request import Id, Request, refused_here, request_id_or_new
from agentd.client.values import encode_optional
from agentd.errors import InvalidParams


def acquire_resource_lock(  # noqa: PLR0913 - one for each field of the request
    resource_key: str,
    *,
    owner: str = "anonymous",
    provider: str | None = None,
    ttl_secs: int | None = None,
    task_id: Id | None = None,
    node_id: Id | None = None,
    metadata: Any = UNSET,
    mode: api.LockMode = "exclusive",
    wait_secs: float = 0,
    node_lease_id: Id | None = None,
    request_id: Id | None = None,
) -> Request[api.AcquireResourceLockResult | None]:
    """Take a lock on a resource; or None where one is held that conflicts, by this owner too.

    A key is free text and conflicts with its equal. `file:` and `dir:` keys are paths, best
    absolute ones: they may be globs, and conflict where what they name can overlap. `shared` locks
    do not conflict with each other. None means that it was not free for `wait_secs` (0 to 60).

    The lock lasts `ttl_secs`, or for the node timeout; `heartbeat_resource_lock` has it last
    longer. With the `node_lease_id` of that node of that task it lasts as long as that lease.
    `provider` and `metadata` (any JSON) are shown to who lists locks.

    Raises `TaskNotFound`, `InvalidParams`, `RequestIdReused`, and with a `node_lease_id`
    `NodeNotFound`, `StaleLease` and `TaskIsCancelled`.
    """
    try:
        params = api.AcquireResourceLockParams(
            resource_key=resource_key,
            owner=owner,
            provider=provider,
            ttl_secs=ttl_secs,
            task_id=_text(task_id),
            node_id=_text(node_id),
            metadata=encode_optional(metadata, "$.metadata"),
            mode=mode,
            wait_secs=wait_secs,
            node_lease_id=_text(node_lease_id),
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:  # what the daemon would say of it
        raise InvalidParams(f"AcquireResourceLock: {error}") from error
    # A union is no type to the checker, but it is to the decoder.
    result: Any = api.AcquireResourceLockResult | None
    return Request("AcquireResourceLock", params, result)


def heartbeat_resource_lock(
    resource_key: str, lease_id: Id, *, ttl_secs: int | None = None
) -> Request[api.HeartbeatResourceLockResult]:
    """Have a lock last `ttl_secs` from now on, or for the node timeout; answers its new end.

    One that is bound to a node's lease ends with that, and needs none of this. Raises
    `LockNotHeld`, `InvalidParams`.
    """
    try:
        params = api.HeartbeatResourceLockParams(
            resource_key=resource_key, lease_id=str(lease_id), ttl_secs=ttl_secs
        )
    except ValueError as error:
        raise InvalidParams(f"HeartbeatResourceLock: {error}") from error
    return Request("HeartbeatResourceLock", params, api.HeartbeatResourceLockResult)


def release_resource_lock(
    resource_key: str, lease_id: Id, *, request_id: Id | None = None
) -> Request[api.OkResult]:
    """Give a lock back. Raises `LockNotHeld`, `InvalidParams`, `RequestIdReused`."""
    try:
        params = api.ReleaseResourceLockParams(
            resource_key=resource_key,
            lease_id=str(lease_id),
            request_id=request_id_or_new(request_id),
        )
    except ValueError as error:
        raise InvalidParams(f"ReleaseResourceLock: {error}") from error
    return Request("ReleaseResourceLock", params, api.OkResult)


def list_resource_locks(
    *,
    task_id: Id | None = None,
    owner: str | None = None,
    prefix: str | None = None,
    limit: int = 1_000,
    after: str | None = None,
    at: int | str | None = None,
) -> Request[api.ListResourceLocksResult]:
    """List the locks that are held, by their keys: at most `limit` (1 to 1,000) or one key's.

    Of a task, of an owner, or with keys that begin with `prefix`. `after` is the `next` of the
    page before this one; on the last it is None. With `at` they are those that were held then:
    after the event of that seq, or at a moment in RFC 3339.
    """
    with refused_here("ListResourceLocks"):
        params = api.ListResourceLocksParams(
            task_id=_text(task_id), owner=owner, prefix=prefix, limit=limit, after=after, at=at
        )
    return Request("ListResourceLocks", params, api.ListResourceLocksResult)


def _text(given: Id | None) -> str | None:
    return None if given is None else str(given)
