"""The params of a list that is read page by page."""

from typing import Annotated

from msgspec import Meta

MOST_LISTED = 1_000
"""Tasks or events on one page."""

LARGEST_PLACE = 2**53 - 1
"""The largest integer that every reader of JSON takes as it is: RFC 8259, section 6."""

Limit = Annotated[int, Meta(ge=1, le=MOST_LISTED, description="at most so many on this page")]
