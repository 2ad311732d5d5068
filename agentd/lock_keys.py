"""The keys of resource locks: what they name, and whether two of them can name the same.

The rule this file keeps: keys are free text and conflict when they are equal. Those that begin with
`file:` or `dir:` are paths, which may have wildcards, and conflict where one path can be in both; a
`dir:` names all below it, too. What cannot be told apart conflicts. No question takes more steps
than the product of two lengths, and what has wildcards is short.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

LONGEST_KEY = 4_096
"""Characters."""

LONGEST_PATTERN = 256
"""Characters of a key with wildcards."""

MOST_WILDCARDS = 8

_ANY_NAMES = "**"
"""Stands for any number of names."""

_KINDS = ("file:", "dir:")
_WILDCARD = re.compile(r"\*+|\?|\[")
_STARS = re.compile(r"\*{2,}")

_QUOTED = 80
"""Characters of a key that a message repeats."""

_LAST = 0x10FFFF

_Spans = tuple[tuple[int, int], ...]
"""Characters, each from one to another, in order and apart."""

_ANY: _Spans = ((0, _LAST),)

Reach = Literal["one", "all", "some"]
"""What a key names of what lies at its prefix or below: that alone, all of it, or some."""


class Place(NamedTuple):
    """Where a key stands among others.

    `prefix` are its names before the first wildcard, each with a `/` behind it, after the root; of
    free text it is the text. What two keys name can only overlap where one's prefix begins with the
    other's; a text's is no other's.
    """

    prefix: str
    reach: Reach

    @property
    def is_path(self) -> bool:
        """Whether there may be something below it."""
        return self.prefix.endswith("/") and self.prefix[0] in "./"

    def ancestors(self) -> Iterator[str]:
        """The prefixes that this one begins with, itself the last."""
        if self.is_path:
            start = 0
            while (start := self.prefix.find("/", start) + 1) > 0:
                yield self.prefix[:start]
        else:
            yield self.prefix

    def below(self) -> tuple[str, str]:
        """What all prefixes that begin with this one, and no others, are between."""
        return self.prefix, self.prefix[:-1] + chr(ord("/") + 1)


def normalise_key(key: str) -> str:
    """The key as it is compared: a path without `.`, `//` and a trailing `/`.

    Raises ValueError for a path with `..`, and for one with too many wildcards.
    """
    kind = _kind_of(key)
    if kind is None:
        return key
    path = key[len(kind) :]
    names = [_STARS.sub("*", name) if name.strip("*") else name for name in path.split("/")]
    names = [_ANY_NAMES if _STARS.fullmatch(name) else name for name in names]
    names = [name for name in names if name not in ("", ".")]
    _check_path(key, path, names)
    return f"{kind}{'/' if path.startswith('/') else ''}{'/'.join(names)}"


def _check_path(key: str, path: str, names: Sequence[str]) -> None:
    shown = repr(key if len(key) <= _QUOTED else f"{key[:_QUOTED]}…")
    if ".." in names:
        raise ValueError(f"{shown}: a lock's path has no `..`: send where it leads to")
    if "\0" in path:
        raise ValueError(f"{shown}: no path has the character NUL")
    wildcards = len(_WILDCARD.findall(path))
    if wildcards and len(key) > LONGEST_PATTERN:
        most = f"a path with wildcards has at most {LONGEST_PATTERN}"
        raise ValueError(f"{shown}: {len(key)} characters, {most}")
    if wildcards > MOST_WILDCARDS:
        raise ValueError(f"{shown}: {wildcards} wildcards, there may be {MOST_WILDCARDS}")
    if "[:" in path and ":]" in path:
        raise ValueError(f"{shown}: write a range such as [a-z], not the name of a class")


def _kind_of(key: str) -> str | None:
    """How a path's key begins; None for free text."""
    return next((kind for kind in _KINDS if key.startswith(kind)), None)


@lru_cache(4_096)
def place_of(key: str) -> Place:
    """Where a key stands that is normalised."""
    kind = _kind_of(key)
    if kind is None:
        return Place(f"={key}", "one")
    path = key[len(kind) :]
    names = _names_in(key)
    literal = next((n for n, name in enumerate(names) if _has_wildcard(name)), len(names))
    root = "/" if path.startswith("/") else "./"
    prefix = root + "".join(f"{name}/" for name in names[:literal])
    if names[literal:] == [_ANY_NAMES]:
        return Place(prefix, "all")
    return Place(prefix, "some" if literal < len(names) else "one")


def overlap(left: str, right: str) -> bool:
    """Whether there can be something that both keys name."""
    if left == right:
        return True
    one, other = place_of(left), place_of(right)
    if not (one.is_path and other.is_path):
        return False
    if len(one.prefix) > len(other.prefix):
        one, other = other, one
    if not other.prefix.startswith(one.prefix):
        return False
    if one.reach == "all" or (other.reach == "all" and one.prefix == other.prefix):
        return True  # the one lies in the other as a whole
    if one.reach == "one" and one.prefix != other.prefix:
        return False
    return _can_meet(_names_in(left), _names_in(right), _ANY_NAMES, _names_meet)


def superset_glob(key: str) -> str:
    """A pattern for SQLite's GLOB that fits every `file:` that the path can overlap; and others."""
    names = ["\0" if name == _ANY_NAMES else _as_glob(name) for name in _names_in(key)]
    root = "/" if key.partition(":")[2].startswith("/") else ""
    path = root + "/".join(names)
    return "file:" + path.replace("/\0", "*").replace("\0/", "*").replace("\0", "*")


def _as_glob(name: str) -> str:
    return "".join(map(_glob_of, _characters_in(name)))


def _glob_of(spans: "_Spans | None") -> str:
    if spans is None:
        return "*"
    if len(spans) == 1 and spans[0][0] == spans[0][1]:
        character = chr(spans[0][0])
        return f"[{character}]" if character in "*?[" else character
    return "?"


def _names_in(key: str) -> list[str]:
    """The names of a path; all that is below a `dir:` is named too."""
    kind, _, path = key.partition(":")
    names = path.strip("/").split("/") if path.strip("/") else []
    return [*names, _ANY_NAMES] if kind == "dir" and names[-1:] != [_ANY_NAMES] else names


def _has_wildcard(name: str) -> bool:
    return _WILDCARD.search(name) is not None


def _can_meet(
    left: Sequence[Any], right: Sequence[Any], any_number: Any, meet: Callable[[Any, Any], bool]
) -> bool:
    """Whether there is a sequence that fits both; `any_number` stands for any number of anything.

    Every pair of places is looked at once.
    """
    seen: set[tuple[int, int]] = set()
    to_see = [(0, 0)]
    while to_see:
        at = to_see.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(left) and j == len(right):
            return True
        one = left[i] if i < len(left) else _END
        other = right[j] if j < len(right) else _END
        if any_number in (one, other):
            # It stands for nothing more; or for one more, which is what the other has there.
            to_see += [(i + 1, j)] if one is not _END else []
            to_see += [(i, j + 1)] if other is not _END else []
        elif one is not _END and other is not _END and meet(one, other):
            to_see.append((i + 1, j + 1))
    return False


_END = object()


def _names_meet(left: str, right: str) -> bool:
    """Whether there is a name that fits both."""
    if not _has_wildcard(left):
        return left == right or (_has_wildcard(right) and _fits(left, right))
    if not _has_wildcard(right):
        return _fits(right, left)
    return _can_meet(_characters_in(left), _characters_in(right), None, _share_one)


def _fits(name: str, pattern: str) -> bool:
    return _expression_for(pattern).fullmatch(name) is not None


@lru_cache(1_024)
def _expression_for(pattern: str) -> re.Pattern[str]:
    """What a name without wildcards is compared with.

    What follows a `*` is found where it stands first and never looked for again: else there would
    be more steps than a product of lengths.
    """
    first, *others = _runs_in(pattern)
    if not others:
        return re.compile(first, re.DOTALL)
    between = "".join(f"(?>.*?{run})" for run in others[:-1])
    return re.compile(f"{first}{between}.*{others[-1]}", re.DOTALL)


def _runs_in(pattern: str) -> list[str]:
    """What stands between the `*` of a name, as expressions."""
    runs = [""]
    for spans in _characters_in(pattern):
        if spans is None:
            runs.append("")
        else:
            inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in spans)
            runs[-1] += f"[{inside}]" if spans else "(?!)"
    return runs


def _share_one(left: _Spans, right: _Spans) -> bool:
    return any(a <= d and c <= b for a, b in left for c, d in right)


@lru_cache(4_096)
def _characters_in(name: str) -> tuple[_Spans | None, ...]:
    """The characters of a name, one after the other; None for any number of any."""
    found: list[_Spans | None] = []
    place = 0
    while place < len(name):
        character = name[place]
        end = _end_of_class(name, place) if character == "[" else None
        if end is not None:
            found.append(_spans_of(name[place + 1 : end]))
            place = end
        elif character == "*":
            found.append(None)
        else:
            found.append(_ANY if character == "?" else ((ord(character), ord(character)),))
        place += 1
    return tuple(found)


def _end_of_class(name: str, place: int) -> int | None:
    """Where the `]` is of the class that begins there; None where it is a `[` and no more."""
    first = place + 2 if name[place + 1 : place + 2] in ("!", "^") else place + 1
    end = name.find("]", first + 1)  # one that comes first is one of the characters
    return None if end < 0 else end


def _spans_of(inside: str) -> _Spans:
    """The characters that a class names."""
    if inside[0] == "^":  # "not", or this character: it depends on who reads it
        return _ANY
    negated = inside[0] == "!"
    rest = inside[1:] if negated else inside
    spans: list[tuple[int, int]] = []
    while rest:
        if len(rest) > 2 and rest[1] == "-":  # noqa: PLR2004 - a range
            low, high = sorted((ord(rest[0]), ord(rest[2])))
            spans.append((low, high))
            rest = rest[3:]
        else:
            spans.append((ord(rest[0]), ord(rest[0])))
            rest = rest[1:]
    return _complement(spans) if negated else tuple(spans)


def _complement(spans: list[tuple[int, int]]) -> _Spans:
    found: list[tuple[int, int]] = []
    begin = 0
    for low, high in sorted(spans):
        if begin < low:
            found.append((begin, low - 1))
        begin = max(begin, high + 1)
    return (*found, (begin, _LAST)) if begin <= _LAST else tuple(found)
