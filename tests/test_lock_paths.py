"""Keys of locks as they are meant from where somebody is."""

from pathlib import Path

import pytest

from agentd.cli.lock.list import absolute_prefix
from agentd.client.lock_paths import absolute_key, in_order


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose name has what stands for other names in keys."""
    found = tmp_path / "a[1]*"
    found.mkdir()
    monkeypatch.chdir(found)
    monkeypatch.setenv("HOME", "/home/ann?")
    return found


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("file:src/a.py", "file:{here}/src/a.py"),
        ("dir:.", "dir:{here}"),
        ("dir:", "dir:{here}"),
        ("file:./src//**/*.py/", "file:{here}/src/**/*.py"),
        ("file:../b", "file:{above}/b"),
        ("file:src/../../b", "file:{above}/b"),
        ("file:../../../../../../../../../b", "file:/b"),
        ("dir:~", "dir:/home/ann[?]"),
        ("file:~/x/../y*", "file:/home/ann[?]/y*"),
        ("file:~nobody-by-this-name/x", "file:{here}/~nobody-by-this-name/x"),
        ("file:/srv/./x/..//y", "file:/srv/y"),
        ("file:*/../x", "file:{here}/*/../x"),
        ("port:8080", "port:8080"),
        ("a/../b", "a/../b"),
        ("", ""),
        ("File:x", "File:x"),
    ],
)
def test_keys(here: Path, key: str, meant: str) -> None:
    """Paths are absolute; no wildcard is made of a folder's name, and no other text is changed.

    `..` behind what may be any name is left for the daemon to refuse.
    """
    above = str(here.parent)
    assert absolute_key(key) == meant.format(here=f"{above}/a[[]1][*]", above=above)


def test_from_another_directory() -> None:
    """What a document names is meant from where that is."""
    assert absolute_key("file:a", "/srv/plans") == "file:/srv/plans/a"
    assert absolute_key("file:/a", Path("/srv")) == "file:/a"


@pytest.mark.parametrize(
    ("prefix", "meant"),
    [
        ("dir:", "dir:"),
        ("file:/", "file:/"),
        ("file:src", "file:{here}/src"),
        ("file:src/", "file:{here}/src/"),
        ("port:", "port:"),
    ],
)
def test_beginnings_of_keys(here: Path, prefix: str, meant: str) -> None:
    """The beginning of a path is absolute too, and ends as it did; one without a path is not."""
    assert absolute_prefix(prefix) == meant.format(here=f"{here.parent}/a[[]1][*]")


def test_the_order_in_which_locks_are_taken() -> None:
    """What is above goes before what is below, whatever the kinds are; each once."""
    keys = ["port:1", "file:/z/1", "file:/a", "dir:/m/", "dir:/m"]
    found = ["file:/a", "dir:/m", "file:/z/1", "port:1"]
    assert in_order(keys, shared=False) == found
    one = in_order(["dir:/z", "file:/a"], shared=False)
    other = in_order(["file:/z/1", "file:/a"], shared=False)
    assert (one, other) == (["file:/a", "dir:/z"], ["file:/a", "file:/z/1"])


def test_no_lock_is_in_the_way_of_another_of_the_same_command() -> None:
    """It would be waited for in vain; locks that are shared are in nobody's way."""
    keys = ["dir:/r", "file:/r/a"]
    with pytest.raises(ValueError, match=r"dir:/r is in the way of file:/r/a"):
        in_order(keys, shared=False)
    assert in_order(keys, shared=True) == keys
    with pytest.raises(ValueError, match=r"no `\.\.`"):
        in_order(["file:/*/.."], shared=False)
