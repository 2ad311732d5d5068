"""Every setting with its value, and where that comes from."""

import os
from collections.abc import Iterator, Mapping

from agentd.config import Setting, find_misspelled_names
from agentd.config.envfile import EnvFile, default_env_file
from agentd.config.values import shorten
from agentd.doctor.finding import Finding, failed, ok, warning
from agentd.logfilter import LEVELS
from agentd.loopback import Loopback

_SETTING = "setting"
_FILE = "env file"
_LEVEL_NAMES = {number: name for name, number in LEVELS.items()}


def settings(found: list[Setting]) -> Iterator[Finding]:
    """Does each parse, and what is in force?"""
    for setting in found:
        if setting.warning is not None:
            yield _as_warning(_SETTING, setting.warning)
        if setting.problem is None:
            yield ok(_SETTING, f"{setting.name} {_display_value(setting)} ({setting.origin})")
        elif setting.origin == "default":  # it follows another one
            yield warning(
                _SETTING, f"{setting.name} has no value", "see what is said of AGENTD_HOME"
            )
        else:
            advice = f"change {setting.name} (it comes from: {setting.origin})"
            yield failed(_SETTING, setting.problem, advice)


def env_file(file: EnvFile) -> Iterator[Finding]:
    """Is there one, can it be read, and by nobody else?"""
    if file.problem is not None:
        yield failed(_FILE, file.problem, "set it right; until then no verb but this one works")
    elif file.warning is not None:
        yield _as_warning(_FILE, file.warning)
    elif file.is_there:
        found = _count(len(file.variables), "variable")
        yield ok(_FILE, f"{file.path}, {found} ({_reason(file)})")
    else:
        yield ok(_FILE, f"none at {file.path} ({_reason(file)})")
    unread = default_env_file()
    if unread != file.path and os.access(unread, os.F_OK):
        yield ok(_FILE, f"{unread} is there too, and is not read")


def _reason(file: EnvFile) -> str:
    return f"{file.because} is set" if file.because else "the default"


def _as_warning(what: str, words: str) -> Finding:
    found, _, advice = words.rpartition(": ")
    return warning(what, found, advice)


def names(environment: Mapping[str, str], file: EnvFile) -> Iterator[Finding]:
    """Is there a name that was meant to be a setting, and is none?"""
    for told, advice in find_misspelled_names(environment, file):
        yield warning(_SETTING, told, advice)
    if "AGENTD_ENV_FILE" in file.variables:
        told = f"AGENTD_ENV_FILE in {file.path} has no effect"
        yield warning(_SETTING, told, "set it in the environment")


def _display_value(setting: Setting) -> str:
    if setting.name == "AGENTD_LOG" and isinstance(setting.value, int):
        return _LEVEL_NAMES[setting.value]
    if isinstance(setting.value, Loopback):
        return f"tcp://{setting.value}"
    if isinstance(setting.value, bool):
        return str(int(setting.value))
    if isinstance(setting.value, tuple):
        return ",".join(map(str, setting.value))
    if setting.name in {"AGENTD_NOTIFY", "AGENTD_ADDRESS"}:
        return "none" if setting.value is None else shorten(str(setting.value))
    return str(setting.value)


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
