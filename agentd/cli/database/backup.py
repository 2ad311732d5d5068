"""`agentd backup PATH`: the database as it is now, in one file that stands alone."""

import argparse
import os

from agentd import config
from agentd.backup import backup
from agentd.cli.database.contents import format_contents
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.signals import stop_like_an_interrupt
from agentd.config.envfile import env_file
from agentd.daemon.lock import home_lock, socket_lock
from agentd.errors import Failure
from agentd.quantities import format_size
from agentd.store.sqlite.viewing import has_lost_events
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Make a backup, verified. Raises `Failure`: then nothing is left of it."""
    settings = config.load()
    stop_like_an_interrupt()
    os.nice(10)  # the daemon and its clients come first
    locks = home_lock(settings.home), socket_lock(settings.socket_path)
    env_files = (settings.home / ".env", env_file(os.environ).path or settings.home)
    precious = (settings.socket_path, *env_files, *(lock.path for lock in locks))
    lossy = has_lost_events(settings.database)
    if lossy and options.force:
        raise Failure(
            "recorded events are missing in the database (`agentd doctor` says which), so no older "
            "backup is replaced: choose a new name"
        )
    with show_progress() as progress:
        done = backup(
            settings.database, options.path, progress, force=options.force, precious=precious
        )
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
