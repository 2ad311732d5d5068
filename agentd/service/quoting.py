"""How words stand in a unit file, so that systemd reads what was meant: systemd.syntax(7).

The rule this file keeps: every word is in double quotes, with nothing in it that systemd would
replace. What a unit file cannot hold is refused: control characters, and what is not UTF-8.
"""

from collections.abc import Iterable

from agentd.errors import BadSetting
from agentd.text import quote


def quoted_command(words: Iterable[str]) -> str:
    """A command line of `ExecStart=`. Raises `BadSetting`."""
    program, *arguments = words
    if "$" in program:  # systemd looks for the program under the name as it is written
        raise BadSetting(f"{quote(program)} has a `$` in its path: systemd starts no such program")
    return " ".join(
        [_quote_word(program), *(_quote_word(each.replace("$", "$$")) for each in arguments)]
    )


def quoted_assignment(name: str, value: str) -> str:
    """A variable of `Environment=`, in which `$` stands for itself. Raises `BadSetting`."""
    return _quote_word(f"{name}={value}")


def bare_path(path: str) -> str:
    """A path that is a whole value, such as `ListenStream=`. Raises `BadSetting`."""
    if path != path.strip() or path.endswith("\\"):
        raise BadSetting(f"the path {quote(path)} ends in what systemd would cut off: rename it")
    return _check_characters(path).replace("%", "%%")


def _quote_word(word: str) -> str:
    escaped = _check_characters(word).replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{escaped}"'


def _check_characters(word: str) -> str:
    if any(ord(each) < ord(" ") or each == "\x7f" for each in word):
        raise BadSetting(f"{quote(word)} has a control character, such as a new line, in it")
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise BadSetting(f"{word!a} is not UTF-8: a unit file cannot hold it") from error
    return word
