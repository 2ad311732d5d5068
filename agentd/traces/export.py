"""Sends the spans of a program of ours, where its environment asks for that.

The rule this file keeps: it is asked for as OpenTelemetry's specification has it (OTEL_*), and is
never worth a node: an endpoint that is down costs one remark, and the end of the program
`FLUSH_SECONDS` at most. For programs that are not ours their own set-up holds.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

FLUSH_SECONDS = 2.0
"""Seconds that the spans of the end have to leave."""

Say = Callable[[str], None]
"""Tells a person one thing."""

_EXPORTERS = ("otlp", "console")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_PROTOCOL = "http/protobuf"
_LONGEST = 300
"""Characters of what a library says that are repeated."""


class Wish(NamedTuple):
    """Which exporters are asked for, and by which variable of the environment."""

    exporters: tuple[str, ...]
    variable: str


def wish_of(environment: Mapping[str, str]) -> Wish | None:
    """What the environment asks for; None where it asks for no spans."""
    if _value(environment, "OTEL_SDK_DISABLED").lower() == "true":
        return None
    named = _value(environment, "OTEL_TRACES_EXPORTER")
    if named:
        wanted = tuple(each for part in named.split(",") if (each := part.strip().lower()))
        return None if "none" in wanted else Wish(wanted, "OTEL_TRACES_EXPORTER")
    endpoint = next((name for name in _ENDPOINTS if _value(environment, name)), None)
    return None if endpoint is None else Wish(("otlp",), endpoint)


@contextmanager
def exported_spans(
    environment: Mapping[str, str], version: str, say: Say, lacking: Callable[[], str]
) -> Iterator[None]:
    """Send the spans of the block, where that is asked for, with this version of agentd.

    What keeps them from being sent is said, once; `lacking` is how to install what it takes.
    """
    wish = wish_of(environment)
    provider = None if wish is None else _provider(wish, environment, version, say, lacking)
    try:
        yield
    finally:
        if provider is not None:
            _flush(provider, say)


def _provider(
    wish: Wish,
    environment: Mapping[str, str],
    version: str,
    say: Say,
    lacking: Callable[[], str],
) -> "TracerProvider | None":
    try:
        refusal = _refusal(wish, environment)
        if refusal is None:
            return _set_up(wish, environment, version, say)
    except ImportError:
        refusal = f"that takes the extra `otel`: {lacking()}"
    except Exception as error:  # noqa: BLE001 - of the settings, or of a library: the work goes on
        refusal = f"{type(error).__name__}: {error}"
    say(f"no spans are sent, though {wish.variable} asks for them: {refusal}")
    return None


def _refusal(wish: Wish, environment: Mapping[str, str]) -> str | None:
    unknown = [each for each in wish.exporters if each not in _EXPORTERS]
    if unknown:
        return f"there is no exporter {unknown[0]!r} here, only {', '.join(_EXPORTERS)} and none"
    name = next((each for each in _PROTOCOLS if _value(environment, each)), None)
    if name is None or "otlp" not in wish.exporters or environment[name].strip() == _PROTOCOL:
        return None
    return (
        f"{name}={environment[name]!r}: only {_PROTOCOL} is known here, for which an endpoint "
        "mostly has the port 4318"
    )


def _set_up(wish: Wish, environment: Mapping[str, str], version: str, say: Say) -> "TracerProvider":
    from opentelemetry import trace  # noqa: PLC0415 - of the extra `otel`
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same

    _tell_first_trouble(say, environment)
    known = {"service.version": version}
    if "service.name" not in environment.get("OTEL_RESOURCE_ATTRIBUTES", "") and not _value(
        environment, "OTEL_SERVICE_NAME"
    ):
        known["service.name"] = "agentd"
    # It would wait at the end of the program for as long as its endpoint likes: `_flush` does not.
    provider = TracerProvider(resource=Resource.create(known), shutdown_on_exit=False)
    for name in wish.exporters:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
    return provider


def _exporter(name: str) -> "SpanExporter":
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415 - as above

        return ConsoleSpanExporter(out=sys.stderr)  # standard output is for the outcome
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )

    return OTLPSpanExporter()


def _flush(provider: "TracerProvider", say: Say) -> None:
    flushing = threading.Thread(target=provider.shutdown, name="agentd-spans", daemon=True)
    flushing.start()
    flushing.join(FLUSH_SECONDS)
    if flushing.is_alive():
        say(f"the last spans were not taken within {FLUSH_SECONDS:g} s, and are lost")


class _FirstTrouble(logging.Handler):
    def __init__(self, say: Say, secrets: Sequence[str]) -> None:
        super().__init__(logging.WARNING)
        self._say: Say | None = say
        self._secrets = secrets

    def emit(self, record: logging.LogRecord) -> None:
        say, self._say = self._say, None
        if say is None:
            return
        words = record.getMessage()
        for each in self._secrets:
            words = words.replace(each, "[a header]")
        say(f"spans may get lost, which is said once: {words[:_LONGEST]}")


def _tell_first_trouble(say: Say, environment: Mapping[str, str]) -> None:
    """The libraries log each try that fails, with its traceback; and a header that is badly put."""
    headers = [each for name in _HEADERS for each in _value(environment, name).split(",")]
    logger = logging.getLogger("opentelemetry")
    logger.handlers = [_FirstTrouble(say, [each.strip() for each in headers if each.strip()])]
    logger.propagate = False


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip()
