"""Rule: no figure without the machine it was taken on.

What the machine is, and how long its disk takes to keep a promise.
"""

import os
import platform
import tempfile
from pathlib import Path
from time import perf_counter

import apsw
import msgspec

from benchmarks.stats import median

SYNCS = 300
PAGE_BYTES = 8_192  # about what one small commit adds to a WAL


class Machine(msgspec.Struct, frozen=True):
    """The machine; the fdatasync times are medians, in microseconds."""

    cpu: str
    cores: int
    kernel: str
    filesystem: str
    sync_overwrite_micros: float
    sync_append_micros: float
    python: str
    sqlite: str


def describe() -> Machine:
    """Look at the machine; takes about a tenth of a second."""
    directory = Path(tempfile.gettempdir())
    return Machine(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        filesystem=filesystem(directory),
        sync_overwrite_micros=_sync_micros(directory, append=False),
        sync_append_micros=_sync_micros(directory, append=True),
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),  # its own, which is the one that is measured
    )


def filesystem(path: Path) -> str:
    """Return the type of the file system that holds a path, `unknown` where there is no /proc."""
    found, longest = "unknown", -1
    target = path.resolve()
    mounts = Path("/proc/self/mounts")
    for line in mounts.read_text().splitlines() if mounts.exists() else []:
        _, mount, kind, *_ = line.split(" ")
        if target.is_relative_to(mount) and len(mount) > longest:
            found, longest = kind, len(mount)
    return found


def _sync_micros(directory: Path, *, append: bool) -> float:
    # Both, because a WAL that grows also pays for the new size, and one that is reused does not.
    times: list[float] = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for number in range(SYNCS):
            os.pwrite(file.fileno(), os.urandom(PAGE_BYTES), number * PAGE_BYTES if append else 0)
            began = perf_counter()
            os.fdatasync(file.fileno())
            times.append(perf_counter() - began)
    return median(times) * 1e6


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
