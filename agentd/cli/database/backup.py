"""`agentd backup PATH`: the database as it is now, in one file that stands alone."""

import argparse
import os
from pathlib import Path

from agentd import config
from agentd.backup import Backup, backup
from agentd.backup.from_server import backup_server
from agentd.cli.database.contents import format_contents
from agentd.cli.database.opening import opened_to_read
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.signals import stop_like_an_interrupt
from agentd.config import Settings
from agentd.config.envfile import env_file
from agentd.daemon.clock import wall
from agentd.daemon.lock import home_lock, socket_lock
from agentd.errors import Failure
from agentd.progress import Progress
from agentd.quantities import format_size
from agentd.store.sqlite.viewing import has_lost_events
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Make a backup, verified. Raises `Failure`, `StorageError`: then nothing is left of it."""
    settings = config.load()
    stop_like_an_interrupt()
    os.nice(10)  # the daemon and its clients come first
    lossy = settings.server is None and has_lost_events(settings.database)
    if lossy and options.force:
        raise Failure(
            "recorded events are missing in the database (`agentd doctor` says which), so no older "
            "backup is replaced: choose a new name"
        )
    with show_progress() as progress:
        done = _back_up(settings, options, progress)
    if options.json:
        print_data(
            {"path": str(done.path), "size": done.size, "contents": done.contents, "lossy": lossy}
        )
        return 0
    print(f"backup: {printable(done.path)}")
    held = f"{format_size(done.size)}, {format_contents(done.contents)}"
    print(f"{held}; pages, hash chains and rows verified")
    if lossy:
        print("recorded events are missing in it: `agentd doctor` says which")
    return 0


def _back_up(settings: Settings, options: argparse.Namespace, progress: Progress) -> Backup:
    precious, force = _precious(settings), options.force
    if settings.server is None:
        return backup(settings.database, options.path, progress, force=force, precious=precious)
    with opened_to_read(settings) as store, store.read() as source:
        return backup_server(source, options.path, wall(), progress, force=force, precious=precious)


def _precious(settings: Settings) -> tuple[Path, ...]:
    """Files that no backup replaces."""
    locks = home_lock(settings.home), socket_lock(settings.socket_path)
    env_files = (settings.home / ".env", env_file(os.environ).path or settings.home)
    return (settings.socket_path, *env_files, *(lock.path for lock in locks))
