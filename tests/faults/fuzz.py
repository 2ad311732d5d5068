"""A coverage-guided fuzzer on one target: `python -m tests.faults.fuzz TARGET [libFuzzer's flags]`.

The rule this file keeps: agentd is imported under instrumentation, so that an input that takes a
new branch is kept and changed further. It is slower for that, and only soaks run it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["agentd"]):
    from tests.faults.fuzz_targets import LONGEST, TARGETS, seeds, words


def main(target: str, *flags: str) -> None:
    """Feed the target until libFuzzer has had enough, and exit with its code."""
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory, "corpus")
        corpus.mkdir()
        for number, seed in enumerate(seeds()):
            (corpus / str(number)).write_bytes(seed)
        dictionary = Path(directory, "words")
        dictionary.write_text("".join(f'"{word}"\n' for word in words()))
        arguments = [f"-max_len={LONGEST}", f"-dict={dictionary}", *flags, str(corpus)]
        atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
