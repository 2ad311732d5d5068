"""The two ends of a move: each a file, or a database on a server.

The rule this file keeps: nobody else works on either of them meanwhile.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from agentd.backup.filling import fill_file, fill_server
from agentd.cli.postgres_driver import require_driver
from agentd.config.envfile import env_file
from agentd.config.paths import parse_database_url
from agentd.config.server import database_server
from agentd.config.values import Flag, Values
from agentd.daemon.clock import wall
from agentd.daemon.lock import database_lock
from agentd.errors import BadSetting, DatabaseRefused, Failure
from agentd.move import Moved
from agentd.progress import Progress
from agentd.server_url import ServerUrl, parse_server_url
from agentd.store import Reader
from agentd.store.sqlite.claim import refuse_elsewhere
from agentd.store.sqlite.header import refuse_header
from agentd.store.sqlite.migrate import LATEST
from agentd.store.sqlite.opening import refuse_unusable
from agentd.store.sqlite.viewing import View

End = Path | ServerUrl

_URL = "AGENTD_DATABASE_URL"


def parse_end(name: str, text: str) -> End:
    """What an argument means, as `AGENTD_DATABASE_URL` would. Raises `BadSetting`.

    Where that names the same server, its password counts here as well.
    """
    file = env_file(os.environ)
    server = database_server(Values(os.environ, file, {_URL: Flag(name, text)}))
    if server is None:
        return Path(os.path.realpath(parse_database_url(name, text)))
    if parse_server_url(text).has_secret:
        raise BadSetting(
            f"{name} has a password, which everybody on this machine sees in a command line: leave "
            "it out, and set PGPASSWORD, or keep it in ~/.pgpass or in AGENTD_DATABASE_URL"
        )
    require_driver("a database on a server")
    set_up = database_server(Values(os.environ, file))
    return set_up if set_up is not None and set_up.shown == server.shown else server


@contextmanager
def reading(source: End) -> Iterator[Reader]:
    """One moment of the source. Raises `Failure`, `StorageError`."""
    with ExitStack() as held:
        if isinstance(source, Path):
            _refuse_file(source)
            held.enter_context(database_lock(source))
            yield held.enter_context(View(source).read())
        else:
            from agentd.store.postgres import PostgresStore
            from agentd.store.postgres.intake import refuse_daemons

            refuse_daemons(source.conninfo)
            store = held.enter_context(closing(PostgresStore.open_existing(source.conninfo)))
            with store.read() as reader:
                yield reader
                last = reader.last_seq()
            with store.read() as reader:
                _refuse_more(source, last, reader.last_seq())


def fill(target: End, source: Reader, progress: Progress) -> Moved:
    """Bring into the target what it lacks. Raises `Failure`, `StorageError`."""
    if not isinstance(target, Path):
        return fill_server(target.conninfo, source, progress)
    with database_lock(target):
        return fill_file(target, source, wall(), progress)


def _refuse_more(source: ServerUrl, last: int, now: int) -> None:
    """Raise `Failure` where a daemon has come that nobody expected."""
    if now > last:
        raise Failure(
            f"a daemon has recorded events in {source} meanwhile, and those behind seq {last:,} "
            "were not moved: stop it, and move again, into an empty database"
        )


def _refuse_file(path: Path) -> None:
    """Raise `Failure` where a file cannot be the source; nothing is made beside it."""
    if not path.exists():
        raise DatabaseRefused(f"there is no database at {path}: say which one to move")
    refuse_header(path)
    refuse_elsewhere(path)
    refuse_unusable(path)
    if (found := View(path).schema()) != LATEST:
        raise DatabaseRefused(
            f"{path} has schema {found}, and this agentd moves schema {LATEST}: start its daemon "
            "once to bring it up to date, and stop it"
        )
