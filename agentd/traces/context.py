"""The trace that this program works in, as text: of its span, or of whoever started it.

The rule this file keeps: what cannot be used is passed over, as W3C Trace Context asks for; and
OTEL_PROPAGATORS that names others and no `tracecontext` means that none of this is wanted.
"""

import os
import sys
from collections.abc import Mapping

from agentd.api import is_traceparent

TRACEPARENT, TRACESTATE = "TRACEPARENT", "TRACESTATE"

Headers = dict[str, str]
"""`traceparent`, and `tracestate` where there is one; nothing where there is no trace."""


def is_traced() -> bool:
    """Whether this program has imported OpenTelemetry's API."""
    return "opentelemetry.trace" in sys.modules


def current_traceparent(environment: Mapping[str, str] | None = None) -> str | None:
    """What is planned here belongs to it: our span, or that of whoever started us; or None."""
    environment = os.environ if environment is None else environment
    return None if _is_unwanted(environment) else current_headers(environment).get("traceparent")


def current_headers(environment: Mapping[str, str]) -> Headers:
    """The span that is active here, else the one that whoever started us names."""
    return _active_headers() or inherited_headers(environment)


def inherited_headers(environment: Mapping[str, str]) -> Headers:
    """The span that whoever started us names in the environment."""
    told = environment.get(TRACEPARENT, "")
    if not is_traceparent(told):
        return {}
    state = environment.get(TRACESTATE)
    return {"traceparent": told, **({"tracestate": state} if state else {})}


def with_trace(environment: Mapping[str, str], planned: str | None) -> dict[str, str]:
    """The environment for a command: the span that is active here, else the one `planned`.

    Where there is neither it has what we have ourselves.
    """
    if _is_unwanted(environment):
        return dict(environment)
    headers = _active_headers() or ({"traceparent": planned} if planned else {})
    if not headers:
        return dict(environment)
    kept = {name: environment[name] for name in environment if name != TRACESTATE}
    return {**kept, **{name.upper(): value for name, value in headers.items()}}


def _active_headers() -> Headers:
    if not is_traced():
        return {}
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - is imported there
        TraceContextTextMapPropagator,
    )

    headers: Headers = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers


def _is_unwanted(environment: Mapping[str, str]) -> bool:
    named = environment.get("OTEL_PROPAGATORS", "").strip()
    return bool(named) and "tracecontext" not in {each.strip() for each in named.split(",")}
