"""`make bench ARGS="against=COMMIT"` measures the commit that was meant, and cleans up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import against, daemons
from benchmarks.against import Comparison, Work, compare, format_comparison
from benchmarks.commit import NotFound, code_of, find_commit
from benchmarks.load import Load
from benchmarks.machine import filesystem
from benchmarks.wire import Wire
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git")

OF_OLD = "0.0.1"
RATE = Work("drain", workers=2, events=0, unit="/s", bar=1.2)
CALL = Work("call", workers=1, events=50, unit="ms", bar=0.85)
NO_COMMITS = ("", "nosuch", "-x", "--all", "^HEAD", "HEAD..HEAD", "HEAD^{tree}", "HEAD\n", "0" * 40)


def git(repository: Path, *arguments: str) -> str:
    nobody = [
        f"GIT_{who}_{what}=o@localhost"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    ]
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],  # noqa: S607 - the one that is in use here
        env=os.environ | settings | dict(line.split("=") for line in nobody),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree in a repository whose commit `of-old` bears an older version of agentd."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("agentd", "benchmarks"):
        shutil.copytree(
            REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    version = tree / "agentd" / "__init__.py"
    this_one = version.read_text()
    version.write_text(re.sub(r'(__version__ = )".*"', rf'\1"{OF_OLD}"', this_one))
    (tree / ".gitignore").write_text("__pycache__/\n")
    git(tree, "init", "--quiet")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "Nothing yet")
    git(tree, "tag", "empty")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "The daemon of old\n\nAnd more of it.")
    git(tree, "tag", "--annotate", "--message", "a tag", "of-old")
    version.write_text(this_one)
    return tree


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a short path, for what the benchmarks make; on a disk, as they demand it."""
    with tempfile.TemporaryDirectory(prefix="agentd-", dir="/var/tmp") as name:
        if filesystem(Path(name)) in {"tmpfs", "ramfs"}:
            pytest.skip("temporary files are in memory everywhere")
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def bench(repository: Path, disk: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=repository,
        env=os.environ | {"TMPDIR": str(disk)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# Which commit is meant


@pytest.mark.parametrize("name", ["of-old", "HEAD", "HEAD~0"])
def test_a_commit_has_the_names_that_git_gives_it(repository: Path, name: str) -> None:
    """A tag, a branch or a beginning of its id: each leads to the id and the first line."""
    found = find_commit(repository, name)
    assert found.id == git(repository, "rev-parse", "HEAD")
    assert found.subject == "The daemon of old"
    assert find_commit(repository, found.short) == found


@pytest.mark.parametrize("name", NO_COMMITS)
def test_what_is_no_commit_is_refused_in_one_line(repository: Path, name: str) -> None:
    """A misspelled name, a range, a file tree, or what git would take for an option."""
    with pytest.raises(NotFound, match=r"\A.+\Z"):
        find_commit(repository, name)


def test_without_a_repository_no_commit_is_found(tmp_path: Path) -> None:
    """The tree may come from an archive: git's own words say what is missing."""
    with pytest.raises(NotFound, match=r"\A.*not a git repository.*\Z"):
        find_commit(tmp_path, "HEAD")


def test_without_git_no_commit_is_found(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That git is missing is said as such."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFound, match=r"\Agit is not installed.*\Z"):
        find_commit(repository, "HEAD")


# Its code


def test_the_code_is_what_was_recorded(repository: Path) -> None:
    """What was changed since is not in it, it goes with the block, and git was only read."""
    with code_of(find_commit(repository, "of-old")) as code:
        assert OF_OLD in (code / "agentd" / "__init__.py").read_text()
        assert [path.name for path in code.iterdir()] == ["agentd"]
    assert not code.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1
    assert git(repository, "status", "--porcelain") == "M agentd/__init__.py"


def test_an_interruption_removes_the_code(repository: Path) -> None:
    """Ctrl-C leaves no files."""
    with pytest.raises(KeyboardInterrupt), code_of(find_commit(repository, "HEAD")) as code:
        raise KeyboardInterrupt
    assert not code.exists()


def test_a_commit_without_agentd_is_refused(repository: Path) -> None:
    """There was a repository before there was a daemon."""
    empty = find_commit(repository, "empty")
    with pytest.raises(NotFound, match=r"\A.*agentd.*\Z"), code_of(empty):
        pytest.fail("there is no code")


def test_the_daemon_that_runs_is_the_commits(
    repository: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although another agentd is installed, and a third lies in the working directory."""
    monkeypatch.chdir(repository)
    with (
        code_of(find_commit(repository, "of-old")) as code,
        daemons.agentd(disk, code=code) as daemon,
        Wire(daemon.socket) as wire,
    ):
        assert wire.call("DescribeInterface", {})["version"] == OF_OLD


# The measurement


@pytest.mark.usefixtures("disk")
def test_commit_and_tree_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each run has a daemon of its own, and a ratio is that of two neighbours."""
    started: list[tuple[Path, int]] = []
    rates = iter([100.0, 120.0, 200.0, 300.0, 100.0, 130.0])

    @contextmanager
    def agentd(home: Path, *, events: int, code: Path) -> Iterator[daemons.Daemon]:
        started.append((code, events))
        yield daemons.Daemon(socket=home, pid=0, seconds_to_ready=0)

    monkeypatch.setattr(against, "agentd", agentd)
    monkeypatch.setattr(against, "drain_flat", lambda *_: Load(next(rates), 1, 1, 1))
    (comparison,) = compare(tmp_path, 3, works=[RATE])
    assert started == [(tmp_path, 0), (daemons.TREE, 0)] * 3
    assert comparison.ratios == [1.2, 1.5, 1.3]


@pytest.mark.usefixtures("disk")
def test_all_that_is_compared_is_measured(repository: Path) -> None:
    """A few nodes of each work: every figure is there, of the commit and of this tree."""
    with code_of(find_commit(repository, "of-old")) as code:
        comparisons = list(compare(code, 1, nodes=24))
    assert [comparison.work for comparison in comparisons] == list(against.WORKS)
    assert all(figure > 0 for seen in comparisons for figure in (*seen.commit, *seen.tree))


@pytest.mark.parametrize(
    ("work", "tree", "line"),
    [
        (RATE, [2400, 3000, 2600], r"drain +2,000 /s +2,600 /s +1\.30 +1\.20-1\.50 +>= 1\.20 ok"),
        (RATE, [2200, 2300, 3000], r"drain .* 1\.15 +1\.10-1\.50 +>= 1\.20 MISSED"),
        (CALL, [1.6, 1.7, 3.0], r"call +2\.000 ms +1\.700 ms +0\.85 +0\.80-1\.50 +<= 0\.85 ok"),
        (CALL, [1.72, 1.72, 1.0], r"call .* 0\.86 +0\.50-0\.86 +<= 0\.85 MISSED"),
    ],
)
def test_a_line_tells_medians_spread_and_bar(work: Work, tree: list[float], line: str) -> None:
    """More cycles are better, and shorter calls; a line has room on a terminal."""
    shown = format_comparison(Comparison(work, [2000.0 if work is RATE else 2.0] * 3, tree))
    assert re.fullmatch(line, shown), shown
    assert len(shown) <= 80


# The command line


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["against=nosuch"], 1, "against=nosuch: 'nosuch' is no commit of .*"),
        (["against="], 2, ".*against= takes one commit, and no other name beside it"),
        (["against=HEAD", "against=HEAD"], 2, ".*against= takes one commit, .*"),
        (["drain", "against=HEAD"], 2, ".*against= takes one commit, .*"),
    ],
)
def test_a_wrong_argument_is_answered_in_one_line(
    repository: Path, disk: Path, arguments: list[str], code: int, words: str
) -> None:
    """Nothing is measured, and the line says what was wrong."""
    process = bench(repository, disk, *arguments)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (code, "")
    assert re.fullmatch(words + "\n", err)


def test_a_daemon_that_does_not_start_is_told(repository: Path, disk: Path) -> None:
    """A commit may need another Python or other libraries: its own words stand above the line."""
    package = repository / "agentd" / "__main__.py"
    works = package.read_text()
    package.write_text("raise SystemExit('not under this Python')\n")
    broken = git(repository, "stash", "create")
    package.write_text(works)
    process = bench(repository, disk, f"against={broken}", "--quick")
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert re.fullmatch(rf"not under this Python\nagainst={broken}: .* exit code 1\n", err)
    assert list(disk.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(repository: Path, disk: Path) -> None:
    """No process, no folder, and one word on it: all processes of a terminal get the signal."""
    process = bench(repository, disk, "against=of-old", "--quick")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(disk.glob("*/agentd.sock")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
    assert list(disk.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
