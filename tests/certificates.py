"""Certificates for tests of TLS, made by `openssl`: an authority, and a server it vouches for."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Certificates(NamedTuple):
    """Paths of PEM files."""

    authority: Path
    """What vouches for the server."""
    stranger: Path
    """An authority that does not."""
    server: Path
    """For `localhost` and 127.0.0.1, and for no other name."""
    key: Path
    """Of the server; its owner's alone."""


def certificates(folder: Path) -> Certificates:
    """Make them. Skips the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    made = Certificates(*(folder / f"{name}.pem" for name in Certificates._fields))
    for authority in (made.authority, made.stranger):
        kept: list[str | Path] = ["-keyout", f"{authority}.key", "-out", authority]
        _openssl("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={authority.stem}", *kept)
    asked, names = folder / "asked.pem", folder / "names"
    names.write_text(NAMES)
    _openssl("req", *_KEY, "-subj", "/CN=server", "-keyout", made.key, "-out", asked)
    by: list[str | Path] = ["-CA", made.authority, "-CAkey", f"{made.authority}.key"]
    how = ["-CAcreateserial", "-days", "2", "-extfile", str(names)]
    _openssl("x509", "-req", *by, *how, "-in", asked, "-out", made.server)
    made.key.chmod(0o600)
    return made


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
