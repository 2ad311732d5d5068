"""`locks` in a task file: paths are meant from where the file is."""

from pathlib import Path

import pytest

from agentd.api.node_settings import LockSpec
from agentd.documents.document import read_document
from agentd.documents.faults import BadDocument


def locks(written: str, source: str) -> object:
    """The locks of the only node."""
    text = f"goal: g\nnodes:\n  - name: a\n    locks: {written}\n"
    (node,) = read_document(text.encode(), source, "yaml").nodes
    return node.locks


def test_paths_are_meant_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way it is named; on standard input from the current directory."""
    monkeypatch.chdir(tmp_path)
    written = "[file:a.py, 'dir:../b', 'file:/srv/c', port:80, {key: 'dir:d', mode: shared}]"
    for source, above in (("standard input", tmp_path), ("plans/p.yaml", tmp_path / "plans")):
        assert locks(written, source) == [
            f"file:{above}/a.py",
            f"dir:{above.parent}/b",
            "file:/srv/c",
            "port:80",
            LockSpec(f"dir:{above}/d", "shared"),
        ]
    assert locks("[file:a]", "/srv/plans/p.yaml") == ["file:/srv/plans/a"]
    assert locks("[]", "p.yaml") == []


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("['file:**/../x']", "`locks`: 'file:/srv/**/../x': a lock's path has no `..`"),
        ("file:x", "`locks`: expected a list of keys, such as [file:src/a.py], or of {key, mode}"),
        (
            "[a, {key: b, mode: both}]",
            "`locks`: expected a key such as file:src/a.py, or {key, mode} with the mode",
        ),
        ("['dir:']", "`locks`: 'dir:' names no path; 'dir:.' is the directory itself"),
        ("[{key: ''}]", "`locks`: the key is empty"),
    ],
)
def test_what_is_no_lock(written: str, told: str) -> None:
    """It is told with its line, before anything is sent."""
    with pytest.raises(BadDocument) as refused:
        locks(written, "/srv/p.yaml")
    assert str(refused.value).startswith(f"/srv/p.yaml, line 4, node 'a': {told}")
