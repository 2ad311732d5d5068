"""No bytes are too much: the protocol and every decision under a coverage-guided fuzzer.

Every run of the suite drives the same targets by chance from the same seeds; a soak drives them
with atheris (libFuzzer), which keeps what takes a new branch and goes on from there.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.daemon_process import REPOSITORY
from tests.faults.fuzz_targets import LONGEST, TARGETS, seeds, words

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.faults.laboratory import Laboratory

BY_CHANCE = {"stream": 2_000, "decisions": 1_000}
RUNS = {"stream": 1_000_000, "decisions": 1_000_000}

FOUND: dict[str, tuple[bytes, ...]] = {"stream": (), "decisions": ()}
"""Inputs that once made a target raise: they are tried in every run."""


def changed(chance: Random, inputs: list[bytes], found_words: list[bytes]) -> bytes:
    """Return an input with some bytes cut out, doubled, put in or flipped."""
    data = bytearray(chance.choice(inputs))
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(5):
            case 0:
                del data[at : min(end, at + 40)]
            case 1:
                data[at:at] = data[at:end]
            case 2:
                data[at:end] = chance.choice(found_words)
            case 3:
                data[at:at] = chance.choice(inputs)
            case _:
                data[at : at + 1] = chance.randbytes(1)
    return bytes(data[:LONGEST])


@pytest.mark.parametrize("target", TARGETS)
def test_by_chance(lab: Laboratory, target: str) -> None:
    """What becomes of good lines by chance is answered, and leaves a journal that replays."""
    inputs, found_words = seeds(), [word.encode() for word in words()]
    for data in (*inputs, *FOUND[target]):
        TARGETS[target](data)
    for _ in range(lab.amount(BY_CHANCE[target], 100 * BY_CHANCE[target])):
        data = changed(lab.random, inputs, found_words)
        try:
            TARGETS[target](data)
        except BaseException as error:
            error.add_note(f"the input was {data!r}")
            raise
    lab.count(inputs=lab.amount(BY_CHANCE[target], 100 * BY_CHANCE[target]))


@pytest.mark.parametrize("target", TARGETS)
def test_guided_by_coverage(lab: Laboratory, target: str, tmp_path: Path) -> None:
    """Nothing that a fuzzer finds by the branches that it takes makes a target raise."""
    if not lab.soak:
        pytest.skip("soak")
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris")
    seed = lab.random.randrange(1, 2**31)
    flags = [f"-runs={RUNS[target]}", f"-seed={seed}", f"-artifact_prefix={tmp_path}/"]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", target, *flags],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [file.read_bytes() for file in tmp_path.iterdir()]
    assert (ended.returncode, found) == (0, []), ended.stderr[-4_000:]
    last = re.findall(r"#(\d+)\s+DONE\s+cov: (\d+)", ended.stderr)[-1]
    lab.count(inputs=int(last[0]), branches=int(last[1]))
