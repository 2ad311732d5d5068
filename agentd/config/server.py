"""The server that the database is on, where it is on one, and who is told its password.

The rule this file keeps: a password is for agentd's own programs. Commands that they run for others
get a URL that says which database it is, and no password.
"""

from collections.abc import Mapping

from agentd.config.envfile import env_file
from agentd.config.values import Values
from agentd.errors import BadSetting
from agentd.server_url import ServerUrl, is_server_url, mask, parse_server_url

_URL = "AGENTD_DATABASE_URL"
_PASSWORD = "PGPASSWORD"  # noqa: S105 - a variable's name


def database_server(values: Values) -> ServerUrl | None:
    """The server; None where the database is a file.

    Its password, where the URL has none, is that of PGPASSWORD, in the env file too; where there is
    none either, libpq looks for one by itself. Raises `BadSetting`.
    """
    text = values.get(_URL)
    if text is None or not is_server_url(text):
        return None
    with values.locate_errors(_URL):
        server = _parse(values.shown_name(_URL), text)
    password = values.get_unchecked(_PASSWORD)
    return server.with_password(password) if password else server


def environment_for_commands(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as a command of the user's has it: without the database's password.

    The URL stays, without what is secret: the command's own agentd is to mean the same database.
    PGPASSWORD stays where the database is a file: then it is somebody else's.
    """
    kept = dict(environment)
    if is_server_url(url := kept.get(_URL, "")):
        kept[_URL] = _without_secrets(url)
    if _PASSWORD in kept and is_server_url(_url_of_all(environment)):
        del kept[_PASSWORD]
    return kept


def _parse(name: str, text: str) -> ServerUrl:
    try:
        return parse_server_url(text)
    except ValueError as error:
        raise BadSetting(f"{name}={mask(text)!r}: {error}") from error


def _without_secrets(url: str) -> str:
    try:
        return parse_server_url(url).shown
    except ValueError:
        return mask(url)


def _url_of_all(environment: Mapping[str, str]) -> str:
    return Values(environment, env_file(environment)).get_unchecked(_URL) or ""
