"""What the command line asks to set up: which harness, for whom, with which program.

The rule this file keeps: nothing secret of the environment goes into a settings file.
"""

import argparse
import os
from pathlib import Path

from agentd.config import Settings
from agentd.config.envfile import env_file
from agentd.config.paths import expand_path
from agentd.loopback import Loopback
from agentd.own_program import is_one_file
from agentd.setup.harness import Scope
from agentd.setup.program import stable_program
from agentd.setup.refusal import CannotSetUp
from agentd.setup.target import Target, new_target
from agentd.setup.wanted import AUTOSTART, NAME, Wanted


def wanted_target(options: argparse.Namespace, settings: Settings) -> Target:
    """What the command line asks for. Raises `CannotSetUp` where this agentd will not stay."""
    program = stable_program(options.program, os.environ)
    given = _environment(settings)
    return _target(options, Wanted(program, _socket(settings), given, _at_first(settings)))


def unknown_target(options: argparse.Namespace, settings: Settings) -> Target:
    """What the command line asks about, although the record does not know of it."""
    return _target(options, Wanted(options.program or _any_program(), _socket(settings)))


def wanted_scope(options: argparse.Namespace, folder: Path) -> Scope:
    """For the folder, but in the user's own home, which is no project."""
    if options.user:
        return Scope.USER
    home = Path(os.environ.get("HOME") or Path.home())
    is_home = folder == home or (home.exists() and folder.samefile(home))
    return Scope.USER if is_home and not options.project else Scope.PROJECT


def _any_program() -> str:
    """The path of this agentd, or its name where it does not stay where it is."""
    try:
        return stable_program(None, os.environ)
    except CannotSetUp:
        return NAME


def _target(options: argparse.Namespace, wanted: Wanted) -> Target:
    folder = current_folder()
    scope = wanted_scope(options, folder)
    return new_target(options.harness, scope, folder, wanted, dict(os.environ))


def current_folder() -> Path:
    """The folder of a project. Raises `CannotSetUp`."""
    try:
        folder = Path.cwd()
        str(folder).encode()  # as settings and the record name it
    except FileNotFoundError as error:
        raise CannotSetUp("the current folder is gone: change to another one") from error
    except UnicodeEncodeError as error:
        raise CannotSetUp(f"the folder {folder} has a name that is not UTF-8: rename it") from error
    return folder


def _environment(settings: Settings) -> dict[str, str]:
    """Where the daemon is, for a harness that hands its own environment to no server."""
    address = settings.address
    given = {
        "AGENTD_HOME": str(settings.home),
        "AGENTD_SOCKET_PATH": str(settings.socket_path),
        "AGENTD_SECRET_FILE": str(settings.secret_file),
        AUTOSTART: str(int(settings.autostart)),
    }
    if address is not None:
        scheme = "unix:" if isinstance(address, Path) else "tcp://"
        given["AGENTD_ADDRESS"] = f"{scheme}{address}"
    if settings.server is not None:
        given["AGENTD_DATABASE_URL"] = settings.server.shown
    if file := os.environ.get("AGENTD_ENV_FILE"):
        given["AGENTD_ENV_FILE"] = str(expand_path("AGENTD_ENV_FILE", file))
    if is_one_file() and (root := os.environ.get("SHIV_ROOT")):
        given["SHIV_ROOT"] = str(Path(root).expanduser().absolute())
    return {name: value for name, value in given.items() if os.environ.get(name)}


def _at_first(settings: Settings) -> dict[str, str]:
    """That the server starts a daemon where none runs, unless the user has said something of it."""
    told = {*os.environ, *env_file(os.environ).variables}
    if AUTOSTART in told or isinstance(settings.address, Loopback):
        return {}
    return {AUTOSTART: "1"}


def _socket(settings: Settings) -> str:
    """The path at which clients look for it."""
    address = settings.address
    return str(address if isinstance(address, Path) else settings.socket_path)
