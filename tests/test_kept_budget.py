"""Kept output is removed when there is too much: first that of the tasks that ended longest ago."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentd.results import attempt_files, budget
from agentd.results.attempt_files import AttemptFiles
from agentd.results.budget import BLOCK, prune

NODE = "22222222-2222-2222-2222-222222222222"


def task(number: int) -> str:
    """An id."""
    return f"{number:08}-1111-1111-1111-111111111111"


def keep(results: Path, number: int, attempt: int, blocks: int, at: float) -> AttemptFiles:
    """Output of that attempt, of so many blocks in each of two files, and a result."""
    files = AttemptFiles(results, task(number), NODE, attempt)
    files.folder.mkdir(parents=True, exist_ok=True)
    for path in (files.log("stdout"), Path(f"{files.log('stdout')}.000000000524288")):
        path.write_bytes(bytes(blocks * BLOCK))
        os.utime(path, (at, at))
    return files


def left(results: Path) -> set[tuple[int, int]]:
    """Task and attempt of what is left."""
    return {
        (int(path.parent.name[:8]), int(path.name.split(".")[0].rpartition("-")[2]))
        for path in results.glob("*/*.stdout")
    }


def ended(*numbers: int) -> Callable[[str], bool]:
    """Says that these tasks have ended."""
    return {task(number) for number in numbers}.__contains__


def test_what_is_within_the_budget(tmp_path: Path) -> None:
    """Nothing is removed, and nobody is asked."""
    keep(tmp_path, 1, 1, 5, 1.0)

    def refuse(task_id: str) -> bool:
        raise AssertionError(task_id)

    prune(tmp_path, 10 * BLOCK, refuse)
    assert left(tmp_path) == {(1, 1)}
    prune(tmp_path / "not there", 0, refuse)


def test_the_order(tmp_path: Path) -> None:
    """Of the tasks that ended the one that wrote last longest ago; then silent running attempts."""
    keep(tmp_path, 1, 1, 8, 1.0)  # goes on, and is the oldest
    keep(tmp_path, 1, 2, 8, 9.0)
    keep(tmp_path, 2, 1, 8, 3.0)
    keep(tmp_path, 3, 1, 8, 2.0)
    has_ended = ended(2, 3)
    prune(tmp_path, 63 * BLOCK, has_ended)
    assert left(tmp_path) == {(1, 1), (1, 2), (2, 1)}
    prune(tmp_path, 47 * BLOCK, has_ended)
    assert left(tmp_path) == {(1, 1), (1, 2)}
    prune(tmp_path, 31 * BLOCK, has_ended)
    assert left(tmp_path) == {(1, 2)}
    prune(tmp_path, 0, has_ended)
    assert list(tmp_path.iterdir()) == []


def test_a_task_is_not_removed_whole(tmp_path: Path) -> None:
    """Of one that ended, too, only so much goes as has to: the attempts that ended first."""
    for attempt in range(1, 5):
        keep(tmp_path, 1, attempt, 8, float(attempt))
    prune(tmp_path, 56 * BLOCK, ended(1))
    assert left(tmp_path) == {(1, 2), (1, 3), (1, 4)}


def test_some_room_is_made(tmp_path: Path) -> None:
    """More is removed than is needed: an eighth of the budget is free then."""
    for number in range(1, 18):
        keep(tmp_path, number, 1, 1, float(number))
    prune(tmp_path, 33 * BLOCK, ended(*range(1, 18)))
    assert left(tmp_path) == {(number, 1) for number in range(4, 18)}


def test_small_files_count(tmp_path: Path) -> None:
    """An empty file counts as a block: however many there are, they come to an end."""
    for number in range(1, 5):
        keep(tmp_path, number, 1, 0, float(number))
    prune(tmp_path, 7 * BLOCK, ended(1, 2, 3, 4))
    assert left(tmp_path) == {(2, 1), (3, 1), (4, 1)}


def test_results_stay(tmp_path: Path) -> None:
    """What a node's result names is never removed, nor what is somebody else's."""
    files = keep(tmp_path, 1, 1, 5, 1.0)
    files.result.write_bytes(b"precious")
    other = files.folder / "notes.stdout"
    other.touch()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / files.log("stdout").name).write_bytes(bytes(BLOCK))
    files.unfinished_result.touch()
    prune(tmp_path, 0, ended(1))
    assert set(files.folder.iterdir()) == {files.result, other}
    assert len(list(copy.iterdir())) == 1


def test_a_result_that_is_being_written(tmp_path: Path) -> None:
    """It stays while its task goes on, whatever else has to go."""
    files = keep(tmp_path, 1, 1, 5, 1.0)
    files.unfinished_result.touch()
    prune(tmp_path, 0, ended())
    assert list(files.folder.iterdir()) == [files.unfinished_result]


def test_tasks_beyond_those_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count as going on: the work of making room has an end."""
    monkeypatch.setattr(budget, "_MOST_ASKED", 2)
    asked = []

    def has_ended(task_id: str) -> bool:
        asked.append(task_id)
        return False

    for number in range(1, 5):
        keep(tmp_path, number, 1, 1, float(number))
    prune(tmp_path, 0, has_ended)
    assert asked == [task(1), task(2)]
    assert left(tmp_path) == set()


def test_a_file_that_goes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another worker has removed is no error, wherever in the work that was."""
    scan = attempt_files.scan

    def scan_what_goes(folder: Path) -> Iterator[os.DirEntry[str]]:
        for entry in scan(folder):
            yield entry
            if entry.name.endswith("stdout"):
                (folder / entry.name).unlink(missing_ok=True)

    def scan_what_is_gone(folder: Path) -> Iterator[os.DirEntry[str]]:
        for entry in scan(folder):
            if entry.name.endswith("stdout"):
                (folder / entry.name).unlink(missing_ok=True)
            yield entry

    for way in (scan_what_goes, scan_what_is_gone):
        monkeypatch.setattr(budget, "scan", way)
        keep(tmp_path, 1, 1, 5, 1.0)
        prune(tmp_path, 0, ended(1))
        assert left(tmp_path) == set()


def test_what_another_has_removed_meanwhile(tmp_path: Path) -> None:
    """It is room that is made: two workers at once do not remove twice as much."""
    attempts = [keep(tmp_path, 1, attempt, 8, float(attempt)) for attempt in range(1, 5)]

    def has_ended(_task: str) -> bool:
        for path in attempts[0].folder.glob(f"{attempts[0].result.name}.*"):
            path.unlink()
        return True

    prune(tmp_path, 56 * BLOCK, has_ended)
    assert left(tmp_path) == {(1, 2), (1, 3), (1, 4)}


def test_several_at_once(tmp_path: Path) -> None:
    """Workers that make room at the same time are in nobody's way."""
    for number in range(1, 200):
        keep(tmp_path, number, 1, 1, float(number))
    trouble: list[Exception] = []
    begin = threading.Barrier(4)

    def make_room() -> None:
        begin.wait()
        try:
            prune(tmp_path, 0, lambda _task: True)
        except OSError as error:
            trouble.append(error)

    threads = [threading.Thread(target=make_room) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert list(tmp_path.iterdir()) == []
