"""CompleteNode and FailNode: how the work on a node ends. Both answer with an `EventResult`."""

from msgspec import UNSET, field

from agentd.api.amounts import Usage
from agentd.api.params import LeaseParams, one_payload
from agentd.api.types import OptionalJson, PayloadAlias


class CompleteNodeParams(LeaseParams):
    """Complete a node with its result; a repeat with the same lease gets the first answer."""

    payload: OptionalJson = UNSET
    result_payload: PayloadAlias = UNSET
    usage: Usage = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = one_payload(self.payload, self.result_payload, "result_payload")
        self.result_payload = UNSET


class FailNodeParams(LeaseParams):
    """Fail a node with its error; a repeat with the same lease gets the first answer."""

    payload: OptionalJson = UNSET
    error_payload: PayloadAlias = UNSET
    usage: Usage = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.payload = one_payload(self.payload, self.error_payload, "error_payload")
        self.error_payload = UNSET
