"""Amounts of what is used: tokens, money, seconds, by unit."""

from typing import Annotated

from msgspec import Meta

from agentd.api.types import OrNull

MOST_UNITS = 64
"""Units that one task may be told of."""

LARGEST_AMOUNT = 10**15

Text = Annotated[str, Meta(min_length=1, max_length=256)]
Amount = (
    Annotated[int, Meta(ge=0, le=LARGEST_AMOUNT)] | Annotated[float, Meta(ge=0, le=LARGEST_AMOUNT)]
)
Amounts = Annotated[dict[Text, Amount], Meta(max_length=MOST_UNITS)]

Usage = Annotated[
    OrNull[Amounts],
    Meta(description="what was used since it was told last, by unit: it is added up"),
]
Budget = Annotated[
    Amounts, Meta(description="by unit: where one is reached, nothing more is handed out")
]
ResultAmounts = Annotated[dict[str, int | float], Meta(description="by unit")]
