"""A node as clients see it."""

from msgspec import Struct

from agentd.api.amounts import ResultAmounts
from agentd.api.types import Json, ResultId, UnixSeconds
from agentd.events import Status


class NodeView(Struct):
    """A node as clients see it."""

    id: ResultId
    task_id: ResultId
    status: Status
    dependencies: list[ResultId]
    payload_schema: Json
    result_payload: Json
    acquired_at: UnixSeconds | None
    lease_id: ResultId | None
    lease_owner: str | None
    lease_expires_at: UnixSeconds | None
    updated_at: UnixSeconds
    usage: ResultAmounts = {}
