"""Which manager of services this machine has, and what is wanted of it.

The rule this file keeps: macOS has launchd, everything else systemd or none; both are tried by
asking them, never by looking which system it is named after.
"""

import sys
from collections.abc import Mapping, Sequence

import agentd
from agentd.config import Settings
from agentd.errors import BadSetting
from agentd.service.launchd import Launchd
from agentd.service.manager import Manager
from agentd.service.plan import Plan, Worker
from agentd.service.program import start_words, worker_words
from agentd.service.surroundings import surroundings
from agentd.service.systemd import Systemd
from agentd.service.workers import parse_all
from agentd.socket_path import too_long


def service_manager(environment: Mapping[str, str], settings: Settings) -> Manager:
    """The manager of services here; whether it answers is asked later."""
    if sys.platform == "darwin":
        return Launchd(environment, settings.home)
    return Systemd(environment)


def make_plan(
    environment: Mapping[str, str],
    settings: Settings,
    workers: Sequence[str],
    program: str | None = None,
) -> tuple[Plan, list[str]]:
    """What is to be installed, and what to say of it. Raises `BadSetting`, `TemporaryProgram`."""
    if (told := too_long(settings.socket_path)) is not None:
        raise BadSetting(told)
    words = start_words(environment, program)
    around = surroundings(environment, words)
    path = around.variables["PATH"]
    listed = [Worker(each, worker_words(each.words, words, path)) for each in parse_all(workers)]
    made = Plan(
        agentd.__version__,
        words,
        settings.home,
        settings.socket_path,
        around.variables,
        tuple(listed),
    )
    return made, list(around.remarks)
