"""A home and its database for one program alone, made where they are not there yet."""

from contextlib import ExitStack

from agentd.config import Settings
from agentd.daemon.home import make_directory, make_private
from agentd.daemon.lock import database_lock, home_lock
from agentd.daemon.serve import refuse_collisions
from agentd.errors import AlreadyRunning


def be_alone(held: ExitStack, settings: Settings, who: str) -> None:
    """Have both until `held` is left. Raises `AlreadyRunning`, with `who` needs them for itself."""
    refuse_collisions(settings)
    make_private(settings.home)
    make_directory(settings.database.parent)
    try:
        held.enter_context(home_lock(settings.home))
        held.enter_context(database_lock(settings.database))
    except AlreadyRunning as error:
        raise AlreadyRunning(f"{error}; {who} needs the database for itself") from error
