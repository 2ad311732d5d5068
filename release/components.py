"""Says what an installation consists of, as CycloneDX: `python -m release.components WHEEL FOLDER`.

The rule this file keeps: what is told is what pip installs today from the wheel, without extras, in
an environment where nothing else is; the document is checked against its schema.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_SBOM = ("-m", "cyclonedx_py", "environment", "--spec-version", "1.6", "--output-format", "JSON")


def write_components(wheel: Path, folder: Path) -> Path:
    """Write it beside the wheel, and return its path. Raises `CalledProcessError`."""
    version = wheel.name.split("-")[1]
    made = folder / f"agentd-{version}.cdx.json"
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "installed"
        venv.create(place, symlinks=True)
        python = str(place / "bin" / "python")
        pip = ["-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
        _run(*pip, str(wheel.resolve()))
        about = Path(temporary) / "pyproject.toml"
        about.write_text(_with_version(_PYPROJECT.read_text(encoding="utf-8"), version))
        root = ["--pyproject", str(about), "--mc-type", "application"]
        _run(*_SBOM, "--validate", "--output-reproducible", *root, "-o", str(made), python)
    return made


def _with_version(pyproject: str, version: str) -> str:
    """The project as one that knows its version, which is not read from a file."""
    return pyproject.replace('dynamic = ["version"]', f'version = "{version}"')


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True)  # noqa: S603 - tools of this environment


if __name__ == "__main__":
    print(write_components(Path(sys.argv[1]), Path(sys.argv[2])))
