"""Spans of the verbs that work on nodes: sent where the environment asks for that."""

import os
from contextlib import AbstractContextManager

from agentd import __version__
from agentd.cli.remarks import say
from agentd.traces.export import exported_spans

_PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def sent_spans() -> AbstractContextManager[None]:
    """Around the work: send its spans, or say why that cannot be."""
    return exported_spans(os.environ, __version__, say, _how_to_install)


def _how_to_install() -> str:
    from agentd.cli.extras import install_command

    return f"`{install_command('otel', _PACKAGES)}` installs what it needs"
