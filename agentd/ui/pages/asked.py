"""What an address asks for behind its `?`.

The rule this file keeps: what is not understood is refused, and the refusal says what was given.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from agentd.text import quote

_LARGEST = 2**53


def task_id(request: Request) -> str:
    """The task of the address, in the letters in which events name it."""
    given: str = request.path_params["task"]
    return given.lower()


def number(request: Request, name: str, least: int = 0) -> int | None:
    """A whole number, where one is given. Raises `HTTPException`."""
    given = request.query_params.get(name, "").strip()
    if not given:
        return None
    if given.isascii() and given.isdigit() and least <= int(given[:20]) <= _LARGEST:
        return int(given)
    raise HTTPException(400, f"`{name}` is {quote(given)}: expected a whole number from {least} on")


def place(request: Request) -> int | str | None:
    """`at`: a seq of the journal, or a moment in RFC 3339. Raises `HTTPException`."""
    given = request.query_params.get("at", "").strip()
    if not given:
        return None
    return number(request, "at") if given.isdigit() else given.replace(" ", "+")


def text(request: Request, name: str, most: int = 256) -> str:
    """A text, empty where none is given. Raises `HTTPException`."""
    given = request.query_params.get(name, "")
    if len(given) > most:
        raise HTTPException(400, f"`{name}` has {len(given):,} characters: at most {most}")
    return given.strip()


def choice(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """One of these, or empty. Raises `HTTPException`."""
    given = text(request, name)
    if given and given not in choices:
        raise HTTPException(400, f"`{name}` is {quote(given)}: expected {', '.join(choices)}")
    return given
