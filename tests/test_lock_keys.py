"""What the keys of resource locks name, and which of them overlap."""

from __future__ import annotations

import fnmatch
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentd.lock_keys import LONGEST_PATTERN, normalise_key, overlap, place_of


@pytest.mark.parametrize(
    ("key", "normalised"),
    [
        ("", ""),
        ("branch main/", "branch main/"),
        ("../x", "../x"),
        ("file:/a//b/./c/", "file:/a/b/c"),
        ("file:///a/b", "file:/a/b"),
        ("dir:./src/", "dir:src"),
        ("dir:.", "dir:"),
        ("dir:/", "dir:/"),
        ("file:a/...", "file:a/..."),
        ("file:a/***/b**c", "file:a/**/b*c"),
        ("file:a*/**/?[a-c]", "file:a*/**/?[a-c]"),
    ],
)
def test_a_key_is_compared_in_one_form(key: str, normalised: str) -> None:
    """A path has no `.`, `//` and trailing `/`; free text is left alone."""
    assert normalise_key(key) == normalised
    assert normalise_key(normalised) == normalised


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("file:/a/../b", "no `..`"),
        ("dir:..", "no `..`"),
        ("file:/a\0b", "NUL"),
        ("file:" + "a" * (LONGEST_PATTERN - 5) + "*", "257 characters"),
        ("file:/" + "*/" * 9, "9 wildcards"),
        ("file:/[[:alpha:]]", "range"),
    ],
)
def test_what_is_no_path_is_refused(key: str, fault: str) -> None:
    """The message says what is wrong with it."""
    with pytest.raises(ValueError, match=re.escape(fault)):
        normalise_key(key)


OVERLAPPING = [
    ("a", "a"),
    ("dir:src", "file:src/lib.rs"),
    ("dir:src", "file:src"),
    ("dir:src", "file:src/**"),
    ("dir:src", "dir:src/a/b"),
    ("file:src/**", "file:src/lib.rs"),
    ("file:src/**", "file:src"),
    ("dir:/", "file:/**/x"),
    ("file:/a/*/c", "file:/a/b/*"),
    ("file:/a/**/c", "file:/a/c"),
    ("file:/**/a/b/**", "file:/**/b/c"),
    ("file:/x[a-c]y", "file:/x[!d-z]?"),
    ("file:/[]]", "file:/]"),
    ("file:/[!]a]", "file:/b"),
    ("file:/a[", "file:/a?"),
    ("file:/a*b*c", "file:/*abc*"),
    ("dir:/a/*/x", "file:/a/b/x/y/z"),
    ("file:/[z-a]", "file:/m"),
    ("file:/[^m]", "file:/m"),
]
APART = [
    ("a", "b"),
    ("a", "a/"),
    ("src", "dir:src"),
    ("dir:src", "dir:/src"),
    ("file:**", "file:/a"),
    ("dir:src", "file:src2/a"),
    ("dir:src", "file:sr"),
    ("file:src", "file:src/a"),
    ("file:/a/*", "file:/a/b/c"),
    ("file:/a/*/c", "file:/a/c"),
    ("file:/*.py", "file:/*.rs"),
    ("file:/[a-c]", "file:/[d-f]"),
    ("file:/[!a-c]", "file:/b"),
    ("file:/a/**/x", "file:/a/**/y"),
    ("file:/a?", "file:/a"),
    ("file:", "file:/"),
    ("file:/[!\1-\U0010ffff]", "file:/a"),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPPING)
def test_keys_that_overlap(one: str, other: str) -> None:
    """There is something that both name."""
    assert overlap(one, other)
    assert overlap(other, one)


@pytest.mark.parametrize(("one", "other"), APART)
def test_keys_that_do_not(one: str, other: str) -> None:
    """Absolute and relative paths never do, nor what merely looks alike."""
    assert not overlap(one, other)
    assert not overlap(other, one)


LETTERS = "ab"
NAMES = ["".join(name) for n in (1, 2) for name in itertools.product(LETTERS, repeat=n)]
PATHS = [path for n in range(4) for path in itertools.product(NAMES, repeat=n)]
"""Every path of up to three names of up to two letters."""


def fits(path: tuple[str, ...], names: list[str]) -> bool:
    """Whether the pattern of names fits the path, said in the plainest way."""
    if not names:
        return not path
    if names[0] == "**":
        return any(fits(path[n:], names[1:]) for n in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], names[0]) and fits(path[1:], names[1:])


def named_by(key: str) -> set[tuple[str, ...]]:
    """All paths that the key names."""
    kind, _, path = key.partition(":")
    names = [*filter(None, path.split("/")), *(["**"] if kind == "dir" else [])]
    return {path for path in PATHS if fits(path, names)}


# Short enough that, where two overlap at all, they do in one of these paths.
pieces = st.sampled_from(["a", "b", "?", "*", "[ab]", "[!a]", "[a-b]", "[^b]"])
names = st.one_of(st.just("**"), st.lists(pieces, min_size=1, max_size=2).map("".join))
keys = st.builds(
    lambda kind, names: normalise_key(f"{kind}:/{'/'.join(names)}"),
    st.sampled_from(["file", "dir"]),
    st.lists(names, max_size=3),
)


@settings(max_examples=150)
@given(keys, keys)
def test_overlap_is_what_real_paths_say(one: str, other: str) -> None:
    """Two keys overlap exactly where a path is named by both, and their prefixes say so too."""
    shared = named_by(one) & named_by(other)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, other) or not shared
    if overlap(one, other):
        first, second = place_of(one).prefix, place_of(other).prefix
        assert first.startswith(second) or second.startswith(first)
        # What is not "a" may be a letter that is in no path here.
        assert shared or set("!^") & {*one, *other} or too_long(one, other)


def too_long(one: str, other: str) -> bool:
    """Whether the shortest that both name may have more than three names."""
    return sum(len([*filter(None, key.split("/")[1:])]) for key in (one, other)) > 3


@settings(max_examples=200)
@given(st.text("ab*?[]-!^", max_size=12), st.text("ab*?[]-!^", max_size=12))
def test_whatever_is_in_a_name(one: str, other: str) -> None:
    """No text is too odd: it is refused, or answered in the same way from both sides."""
    try:
        first, second = normalise_key(f"file:/{one}"), normalise_key(f"file:/{other}")
    except ValueError:
        return
    assert overlap(first, first)
    assert overlap(first, second) == overlap(second, first)
    names = [text for text in (one, other) if not set(text) & set("*?[")]
    if len(names) == 1 and names[0] not in ("", ".", ".."):
        pattern = other if names[0] == one else one
        if pattern and set(pattern) - {"*"} and "-" not in pattern:
            assert overlap(first, second) >= fnmatch.fnmatchcase(names[0], pattern)


def test_the_worst_keys_take_bounded_steps() -> None:
    """What makes others exponential is a product of two lengths here."""
    worst = "file:/" + "*a" * 7 + "a" * 200 + "c"
    long = "file:/" + "a" * 4_000
    assert not overlap(worst, long + "b")
    deep = normalise_key("file:/" + "**/a/" * 7 + "a/" * 90 + "b")
    assert not overlap(deep, normalise_key("file:/" + "a/" * 2_000))
    assert not overlap(deep, normalise_key("file:/" + "a/**/" * 7 + "a/" * 90 + "c"))
