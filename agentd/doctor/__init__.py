"""Is everything as it should be? One finding after the other, each with what to do about it.

The rule this file keeps: nothing is created or changed, no daemon is disturbed, and a check that
breaks hides no other: it becomes a finding itself.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from agentd import config
from agentd.client.address import TcpAddress
from agentd.config import Setting
from agentd.config.envfile import env_file
from agentd.doctor import (
    agents,
    database,
    on_server,
    origin,
    over_tcp,
    places,
    process,
    server,
    settings,
)
from agentd.doctor.finding import Finding, Subject, failed
from agentd.doctor.process import DaemonAnswer
from agentd.errors import Failure
from agentd.loopback import Loopback
from agentd.progress import Progress
from agentd.server_url import ServerUrl

Check = tuple[str, Callable[[], Iterator[Finding]]]
"""What is checked, and how."""

_OF_FILE = frozenset(
    {"database", "lock", "disk space", "file system", "SQLite", "durability", "WAL", "integrity"}
    | {"journal", "mark", "copy"}
)
"""Checks of a database that is a file, and of where that is."""


def examine(environment: Mapping[str, str], progress: Progress) -> Iterator[Finding]:
    """Everything that is found, in the order in which one would look."""
    file = env_file(environment)
    known = config.explain_settings(environment, file)
    subject = _subject(known)
    answered = _ask_daemon(subject)
    checks: tuple[Check, ...] = (
        ("setting", partial(settings.settings, known)),
        ("env file", partial(settings.env_file, file)),
        ("setting", partial(settings.names, environment, file)),
        ("home", partial(places.home, subject)),
        ("database", partial(database.file, subject)),
        ("socket", lambda: iter([answered.finding])),
        ("secret", partial(over_tcp.secret, subject)),
        ("start", partial(origin.origin, subject)),
        ("lock", partial(process.lock, subject, answered)),
        ("open files", partial(process.open_files, answered)),
        ("disk space", partial(places.disk_space, subject)),
        ("file system", partial(places.file_system, subject)),
        ("SQLite", database.sqlite_version),
        ("durability", partial(database.durable_settings, subject)),
        ("WAL", partial(database.wal, subject)),
        ("integrity", partial(database.integrity, subject, progress)),
        ("journal", partial(database.journal, subject, progress)),
        ("mark", partial(database.mark, subject)),
        ("copy", partial(database.copies, subject)),
        ("server", partial(server.server, subject)),
        ("daemons", partial(on_server.company, subject)),
        ("events", partial(on_server.events, subject, progress)),
        ("agents", partial(agents.setups, subject, environment)),
    )
    unfit = _OF_FILE if subject.server is not None else frozenset[str]()
    for what, check in checks:
        if what in unfit:
            continue
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
            yield _broken_check(what, error)


def _subject(known: list[Setting]) -> Subject:
    paths = {found.name: found.value for found in known if isinstance(found.value, Path)}
    ports = (found.value for found in known if isinstance(found.value, Loopback))
    path = paths.get("AGENTD_DATABASE_URL")
    servers = (found.value for found in known if isinstance(found.value, ServerUrl))
    return Subject(
        paths.get("AGENTD_HOME"),
        # As the daemon does: SQLite keeps the WAL beside the file, not beside a link to it.
        None if path is None else Path(os.path.realpath(path)),
        paths.get("AGENTD_SOCKET_PATH"),
        paths.get("AGENTD_ADDRESS") or next(ports, None),
        paths.get("AGENTD_SECRET_FILE"),
        next(servers, None),
    )


def _ask_daemon(subject: Subject) -> DaemonAnswer:
    try:
        if isinstance(subject.address, Loopback):
            secret_file = subject.secret_file or Path()
            return over_tcp.ask(TcpAddress(subject.address, secret_file))
        return process.ask(subject.address or subject.socket_path)
    except Exception as error:  # noqa: BLE001 - the same
        return DaemonAnswer(_broken_check("socket", error))


def _broken_check(what: str, error: Exception) -> Finding:
    if isinstance(error, OSError) and error.filename is not None:
        told = f"{error.filename}: {error.strerror}"
        return failed(what, told, "look at its owner and mode; run this as the user it belongs to")
    if isinstance(error, Failure):
        return failed(what, str(error), "do as it says, and look again")
    return failed(what, f"the check broke: {type(error).__name__}: {error}", "report it as a bug")
