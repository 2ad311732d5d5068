"""Makes the one file, `make zipapp`: `python -m release.one_file WHEEL FOLDER`.

The rule this file keeps: it holds the wheel and all that its extras need, for the Python and the
machine that make it, which its name tells.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from release import one_file_start

EXTRAS = ("agents", "mcp", "metrics", "otel", "top", "web")
"""Nothing can be added to the one file later, so it has all that a user may need."""

PYTHON = "{}.{}".format(*sys.version_info)
"""As the one file asks for it: those of another minor version cannot load its extension modules."""

_START = "agentd_one_file"
_MAIN = "import {start}\n{start}.start({suffix!r}, {python!r}, {machine!r}, {folder!r})\n"
_SYSTEMS = {"linux": "manylinux", "darwin": "macosx"}


def file_name(version: str) -> str:
    """What it is called: `agentd-0.2.0-cp313-manylinux_x86_64.pyz`."""
    suffix = EXTENSION_SUFFIXES[0]
    python = f"cp{suffix.split('-')[1]}"
    system = "musllinux" if "musl" in suffix else _SYSTEMS.get(sys.platform, sys.platform)
    return f"agentd-{version}-{python}-{system}_{os.uname().machine}.pyz"


def make_one_file(wheel: Path, folder: Path) -> Path:
    """Make it from a wheel of agentd, and return its path. Raises `CalledProcessError`."""
    version = wheel.name.split("-")[1]
    made = folder / file_name(version)
    with tempfile.TemporaryDirectory() as temporary:
        packed = Path(temporary) / "packed.pyz"
        shiv = [sys.executable, "-m", "shiv", "--quiet", "--reproducible"]
        wanted = f"{wheel.resolve()}[{','.join(EXTRAS)}]"
        command = [*shiv, "--entry-point", "agentd.cli:main", "--output-file", str(packed), wanted]
        subprocess.run(command, check=True)  # noqa: S603 - shiv, of the environment that runs
        _with_our_start(packed, made, version)
    made.chmod(0o755)
    return made


def _with_our_start(packed: Path, made: Path, version: str) -> None:
    """What shiv packed, under a start that checks where it unpacks, and is quicker."""
    with zipfile.ZipFile(packed) as source, made.open("wb") as file:
        file.write(f"#!/usr/bin/env python{PYTHON}\n".encode())
        build_id = json.loads(source.read("environment.json"))["build_id"]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                if info.filename != "__main__.py":
                    target.writestr(info, source.read(info))
            moment = source.getinfo("__main__.py").date_time
            start = Path(one_file_start.__file__).read_text(encoding="utf-8")
            main = _MAIN.format(
                start=_START,
                suffix=EXTENSION_SUFFIXES[0],
                python=PYTHON,
                machine=os.uname().machine,
                folder=f"{version}-{build_id[:16]}",
            )
            for name, text in ((f"{_START}.py", start), ("__main__.py", main)):
                info = zipfile.ZipInfo(name, moment)
                info.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(info, text)


if __name__ == "__main__":
    print(make_one_file(Path(sys.argv[1]), Path(sys.argv[2])))
