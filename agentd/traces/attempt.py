"""The span of an attempt, where the program that runs it traces.

The rule this file keeps: whoever does not trace pays one look into a dictionary for each attempt,
and what a tracer raises is logged and changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from agentd.text import printable
from agentd.traces.context import is_traced
from agentd.traces.held import Held


class Span(Protocol):
    """What is told of an attempt."""

    @property
    def is_recorded(self) -> bool:
        """Whether anybody looks at it."""

    def add_usage(self, usage: Mapping[str, int | float]) -> None:
        """So much was used besides."""

    def end(self, held: Held, error: BaseException | None) -> None:
        """It ended so, with this error or without one."""


class Attempt:
    """An attempt from its begin to its end, as tracers are told."""

    def __init__(self) -> None:
        self._span: Span | None = None

    def begin(self, held: Held) -> None:
        """It begins now, and its span is the active one here."""
        if is_traced():
            self._guard(lambda: self._begin(held))

    @property
    def is_recorded(self) -> bool:
        """Whether anybody is told of it."""
        return self._span is not None and self._span.is_recorded

    def add_usage(self, usage: Mapping[str, int | float] | None) -> None:
        """So much was used besides what its end tells."""
        if (span := self._span) is not None and usage:
            self._guard(lambda: span.add_usage(usage))

    @contextmanager
    def ending(self, held: Held, error: BaseException | None) -> Iterator[None]:
        """Around the call that ends the node, whose block was left with `error`."""
        try:
            yield
        except BaseException as problem:
            error = problem
            raise
        finally:
            self.end(held, error)

    def end(self, held: Held, error: BaseException | None) -> None:
        """It is over."""
        span, self._span = self._span, None
        if span is not None:
            self._guard(lambda: span.end(held, error))

    def _begin(self, held: Held) -> None:
        from agentd.traces.attempt_span import AttemptSpan  # noqa: PLC0415 - of the extra `otel`

        self._span = AttemptSpan(held)

    def _guard(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - a tracer is no reason to fail a node
            import logging  # noqa: PLC0415 - it would cost every client's start 10 ms

            logger = logging.getLogger("agentd.traces")
            logger.warning("an attempt is not traced as it should be: %s", printable(error))
