"""`agentd restore PATH`: a verified backup takes the database's place, which is kept aside."""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

from agentd import config
from agentd.backup.restore import refuse_source, verified_copy
from agentd.backup.verify import Contents
from agentd.cli.database.alone import be_alone
from agentd.cli.database.contents import format_contents
from agentd.cli.database.ends import fill
from agentd.cli.postgres_driver import require_driver
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.signals import never_stop, stop_like_an_interrupt
from agentd.config import Settings
from agentd.daemon.clock import wall
from agentd.daemon.home import make_private
from agentd.server_url import ServerUrl
from agentd.store.sqlite.viewing import View
from agentd.text import printable

_COPY = "restored"
"""What a copy on its way to a server would be called in the home, if it stayed there."""


def run(options: argparse.Namespace) -> int:
    """Restore a backup. Raises `Failure`: then the database is as it was."""
    settings = config.load()
    stop_like_an_interrupt()
    os.umask(0o077)  # what is made here is for this user only
    refuse_source(options.path)
    if settings.server is not None:
        return _restore_to_server(settings, settings.server, options)
    database = settings.database
    with ExitStack() as held:
        be_alone(held, settings, "a restore")
        with (
            show_progress() as progress,
            verified_copy(options.path, database, wall(), progress) as copy,
        ):
            never_stop()
            aside = copy.put(wall())
    if options.json:
        kept = None if aside is None else str(aside)
        print_data({"path": str(database), "contents": copy.contents, "kept": kept})
    else:
        _print_restored(database, options.path, copy.contents, aside)
    return 0


def _restore_to_server(settings: Settings, server: ServerUrl, options: argparse.Namespace) -> int:
    """Fill an empty database on the server; the home has the verified copy until that is done."""
    require_driver("a database on a server")
    make_private(settings.home)
    draft = settings.home / _COPY
    with (
        show_progress() as progress,
        verified_copy(options.path, draft, wall(), progress) as copy,
        View(copy.path).read() as source,
    ):
        moved = fill(server, source, progress)
    if options.json:
        print_data({"path": str(server), "contents": copy.contents, "kept": None})
    elif copy.contents.last_seq and not moved.brought:
        print(f"nothing to restore: {printable(server)} has it all")
    else:
        _print_restored(server, options.path, copy.contents, None)
    return 0


def _print_restored(
    database: Path | ServerUrl, source: Path, found: Contents, aside: Path | None
) -> None:
    print(f"restored: {printable(database)}, from {printable(source)}")
    print(f"{format_contents(found)}; pages, hash chains and rows verified")
    if aside is not None:
        print(f"what was there before is kept: {printable(aside)}")
        print("remove it when all is well, or restore it to go back")
