"""What a holder left for the next one to go on from."""

from typing import Annotated

from msgspec import Meta, Struct

from agentd.api.types import Json, Timestamp


class Checkpoint(Struct):
    """The newest checkpoint of a node, and in which attempt it was set."""

    payload: Json
    attempt: int
    timestamp: Timestamp


NewestCheckpoint = Annotated[
    Checkpoint | None, Meta(description="the newest, whatever attempt set it; null before that")
]
