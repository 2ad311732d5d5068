"""What a service has in its environment: where programs are, and the settings that differ.

The rule this file keeps: only settings of agentd's, only where they change something, and nothing
that may be a secret: a unit is no place for one, the env file is.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agentd.config import explain_settings
from agentd.config.envfile import env_file
from agentd.config.paths import expand_path
from agentd.errors import BadSetting
from agentd.own_program import temporary_place
from agentd.server_url import ServerUrl

_CLIENTS = {"AGENTD_ADDRESS", "AGENTD_AUTOSTART", "AGENTD_CONNECT_SECS", "AGENTD_OWNER"}
"""Settings of whoever asks a daemon, which say nothing of the daemon."""

_MANAGED = {"AGENTD_AUTOSTART": "0"}
"""Its manager starts the daemon, and no worker does, whatever the env file says: not while the
service is stopped, and not before the manager has come to it.
"""

_USUAL = ("/usr/local/bin", "/usr/bin", "/bin")

_SECRET = re.compile(
    r"api[_-]?key|secret|token|passw(or)?d|passphrase|bearer|authorization|credential|"
    r"\b(sk-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-)\w|://[^/\s:@]*:[^/\s@]+@",
    re.IGNORECASE,
)


class Surroundings(NamedTuple):
    """A service's variables; `remarks` say what was left out, and why."""

    variables: Mapping[str, str]
    remarks: tuple[str, ...] = ()


def surroundings(environment: Mapping[str, str], program: Sequence[str]) -> Surroundings:
    """The variables of a service that is installed in `environment`. Raises `BadSetting`.

    What workers run finds `agentd`, too: the folder of its `program` comes last in PATH.
    """
    *_, last = (word for word in program if word.startswith("/"))  # of one file, not its Python
    folders = [*search_path(environment).split(":"), str(Path(last).parent)]
    variables = {"PATH": ":".join(dict.fromkeys(folders)), **_MANAGED}
    if root := environment.get("SHIV_ROOT"):  # where the one file is unpacked
        variables["SHIV_ROOT"] = str(expand_path("SHIV_ROOT", root))
    remarks = []
    for name, value in _that_differ(environment):
        if not isinstance(value, Path) and _SECRET.search(value):
            remarks.append(
                f"{name} may hold a secret, and is not written into the service: put it into the "
                "env file, which the daemon reads"
            )
        else:
            variables[name] = str(value)
    return Surroundings(variables, tuple(remarks))


def search_path(environment: Mapping[str, str]) -> str:
    """The folders of PATH that are there and stay, each once, and the usual ones."""
    given = [each for each in environment.get("PATH", "").split(":") if each.startswith("/")]
    kept = [
        each
        for each in given
        if each.isprintable() and _is_open(each) and temporary_place(each, environment) is None
    ]
    return ":".join(dict.fromkeys([*kept, *_USUAL]))


def _is_open(folder: str) -> bool:
    """Whether there is such a folder, and programs in it can be run by this user."""
    return os.path.isdir(folder) and os.access(folder, os.X_OK)  # noqa: PTH112 - never raises


def _that_differ(environment: Mapping[str, str]) -> Iterator[tuple[str, Path | str]]:
    """The settings that would have another value without the environment, in full."""
    file = env_file(environment)
    if file.problem is not None:
        raise BadSetting(file.problem)
    if "AGENTD_ENV_FILE" in environment:
        yield "AGENTD_ENV_FILE", expand_path("AGENTD_ENV_FILE", environment["AGENTD_ENV_FILE"])
    for setting in explain_settings(environment, file):
        if setting.problem is not None:
            raise BadSetting(setting.problem)
        name, value = setting.name, setting.value
        if isinstance(value, ServerUrl):
            yield from _server_that_differs(name, value, environment)
        elif (
            name in environment
            and name not in _CLIENTS
            and value != _value_in(_without(environment, name), name)
        ):
            yield name, value if isinstance(value, Path) else environment[name]


def _server_that_differs(
    name: str, server: ServerUrl, environment: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The URL of a server, where the env file does not say the same; never with a secret.

    Without its password the service would fail, and without the URL it would work on a file. Raises
    `BadSetting` where the environment alone has the password.
    """
    others = _without(environment, name, "PGPASSWORD")
    if _value_in(others, name) == server:
        return
    if _value_in({**others, name: server.shown}, name) != server:
        raise BadSetting(
            f"the password of {server} is in the environment, and is not written into a service: "
            f"put it into the env file, {env_file(environment).path}, or into ~/.pgpass"
        )
    yield name, server.shown


def _without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    return {each: environment[each] for each in environment if each not in names}


def _value_in(environment: Mapping[str, str], name: str) -> object:
    """The value that a setting has there."""
    found = explain_settings(environment, env_file(environment))
    return next(each.value for each in found if each.name == name)


def config_home(environment: Mapping[str, str]) -> Path:
    """Where this user's programs keep their settings."""
    given = environment.get("XDG_CONFIG_HOME", "")
    return Path(given) if os.path.isabs(given) else Path.home() / ".config"  # noqa: PTH117
