"""Finds what tells a person or a program to install `agentd` by that name from a public index.

The rule this file keeps: there the name is another project's. Ours is installed from a clone or a
file, so the name alone may be a command to run or an environment, never what is fetched.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

NAME = "agentd"

VERBS: dict[str, frozenset[str]] = {
    "pip": frozenset({"install", "download", "wheel"}),
    "pipx": frozenset({"install", "run", "inject"}),
    "uv": frozenset({"install", "add", "run"}),
    "uvx": frozenset(),
    "easy_install": frozenset(),
    "poetry": frozenset({"add"}),
    "pdm": frozenset({"add"}),
    "rye": frozenset({"add", "install"}),
    "hatch": frozenset({"run"}),
    "conda": frozenset({"install"}),
    "mamba": frozenset({"install"}),
    "brew": frozenset({"install"}),
}
"""Programs that fetch what is named, and their verbs that do; none where it does so at once."""

_PROGRAMS = re.compile(rf"\b({'|'.join(VERBS)})")
_SOURCES = ("--from", "--spec", "-e", "--editable")
"""Options that say where a command comes from that is then run by its name."""

_FETCHED = ("--with", "--with-editable", "--from", "--spec", "--preinstall", "--include")
_FOLDED = re.compile(r"\\\n|(?<=[,:\[({])[ \t]*\n")
_COMMANDS = re.compile(r"\n|;|&&|\|\|?|`|#")
_WORDS = re.compile(rf"{NAME}\[[\w, -]*\][^\s\"',()\]}}]*|[^\s\"',()\[\]{{}}]+")
_BARE = re.compile(rf"{NAME}(\[[\w, -]*\])?([=<>!~@].*)?", re.IGNORECASE)
_LINE = re.compile(rf"^{NAME}(\[[\w, -]*\])?\s*([=<>!~;@].*)?$", re.MULTILINE | re.IGNORECASE)
_LIST = re.compile(rf"\bdependencies\s*=\s*\[[^\]]*[\"']{NAME}\b(?!\s*@\s*file)", re.IGNORECASE)
_PAGE = re.compile(rf"\bpypi\.org/(project|p|simple)/{NAME}\b", re.IGNORECASE)


def installs_by_name(text: str, file_name: str = "") -> list[str]:
    """Each place that does so, as it is written."""
    found = [" ".join(words) for words in _commands(text) if _fetches(words)]
    if re.fullmatch(r"(requirements|constraints).*\.(txt|in)", PurePosixPath(file_name).name):
        found += [each[0] for each in _LINE.finditer(text)]
    return found + [each[0] for pattern in (_LIST, _PAGE) for each in pattern.finditer(text)]


def _commands(text: str) -> Iterator[list[str]]:
    """The words from each such program on, down to the end of its command."""
    if not _PROGRAMS.search(text):
        return
    for command in filter(_PROGRAMS.search, _COMMANDS.split(_FOLDED.sub(" ", text))):
        words = _WORDS.findall(command)
        yield from (words[at:] for at, word in enumerate(words) if _program(word) in VERBS)


def _program(word: str) -> str:
    name = PurePosixPath(word).name
    return "pip" if re.fullmatch(r"pip[\d.]*", name) else name


def _fetches(words: Sequence[str]) -> bool:
    program, verbs = _program(words[0]), VERBS[_program(words[0])]
    at = next((at for at, word in enumerate(words) if word in verbs), None) if verbs else 0
    if at is None:
        return False
    given = list(_sentence(words[at + 1 :]))
    if any(option in _FETCHED and _BARE.fullmatch(value) for option, value in pairwise(given)):
        return True
    arguments = [word for word in given if not word.startswith("-")]
    if (program, words[at]) == ("pipx", "inject"):
        arguments = arguments[1:]
    elif (program, words[at]) == ("uv", "run") and "tool" not in words[:at]:
        return False  # what is in the project's own environment, after the options above
    elif any(word.partition("=")[0] in _SOURCES for word in given):
        return any(_BARE.fullmatch(word.partition("=")[2]) for word in given)
    return any(_BARE.fullmatch(word) for word in arguments)


def _sentence(words: Sequence[str]) -> Iterator[str]:
    """Up to where the sentence ends that a command stands in; a lone full stop is a folder."""
    for word in words:
        if len(word) > 1 and word.endswith((".", ":")) and set(word) != {"."}:
            yield word[:-1]
            return
        yield word
