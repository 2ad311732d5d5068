"""One figure, and its samples.

The rule this file keeps: names and labels are Prometheus', and no two samples of a figure have the
same labels: a reader refuses all figures for one such pair.
"""

from typing import Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "summary"]


class Sample(Struct, frozen=True):
    """One number, under the whole name that readers know it by."""

    name: str
    labels: dict[str, str]
    value: int | float


class Figure(Struct, frozen=True):
    """What is counted or measured. A counter begins at 0 when the daemon starts."""

    name: str
    kind: Kind
    help: str
    samples: list[Sample]
