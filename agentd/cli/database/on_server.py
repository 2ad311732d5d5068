"""The server that a verb works on.

The rule this file keeps: who has a database in a file is told what does there what the verb does
on a server.
"""

from agentd import config
from agentd.cli.postgres_driver import require_driver
from agentd.errors import BadSetting
from agentd.server_url import ServerUrl


def database_server(verb: str, instead: str) -> ServerUrl:
    """The server that has the database, for `agentd database VERB`.

    `instead` is what to do about one in a file. Raises `BadSetting` where it is in one, and
    `Failure` without psycopg.
    """
    settings = config.load()
    if settings.server is None:
        raise BadSetting(
            f"`agentd database {verb}` is for a database on a server, and this one is the file "
            f"{settings.database}: {instead}"
        )
    require_driver(f"agentd database {verb}")
    return settings.server
