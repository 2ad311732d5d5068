"""Figures in the formats that Prometheus and its kin read.

The rule this file keeps: what the format is, and which of them a reader asked for, is their own
library's affair. A header that it stumbles over asks for nothing.
"""

from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from agentd.figures.figure import Figure

TEXT = "text/plain;version=1.0.0"
"""What asks for the text format 1.0."""


class _Collector(Collector):
    """The figures as the library takes them."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Each as a family of its own."""
        for figure in self._figures:
            # The library takes a counter's name without its ending, and writes it with it.
            family = Metric(figure.name.removesuffix("_total"), figure.help, figure.kind)
            for sample in figure.samples:
                family.add_sample(sample.name, sample.labels, sample.value)
            yield family


def expose(figures: Sequence[Figure], accept: str = TEXT) -> tuple[bytes, str]:
    """The figures in the best format that an Accept header allows, and its content type."""
    collector = _Collector(figures)
    try:
        encode, content_type = choose_encoder(accept)
        return encode(collector), content_type
    except (ValueError, TypeError):  # a version that is no number
        encode, content_type = choose_encoder("")
        return encode(collector), content_type
