"""The driver of PostgreSQL, before anything is imported that needs it."""

from importlib import import_module

from agentd.cli.extras import install_command, require_extra
from agentd.errors import Failure
from agentd.text import printable_start

_PACKAGES = ("psycopg",)
_LONGEST_SHOWN = 200


def require_driver(what: str) -> None:
    """Nothing, where it loads. Raises `Failure`, which says how to install what is missing.

    It may be there, and libpq not, without which it does not load: alone it brings none.
    """
    require_extra(what, "postgres", _PACKAGES)
    try:
        import_module("psycopg")
    except ImportError as error:
        told = printable_start(str(error).splitlines()[0], _LONGEST_SHOWN)
        raise Failure(
            f"{what} needs psycopg, which does not load ({told}): "
            f"`{install_command('postgres', _PACKAGES)}` installs what it needs; run it again then"
        ) from error
