"""What a check found: one line for a person, and what to do about it.

The rule this file keeps: whatever is not ok says what to do next.
"""

from pathlib import Path

from msgspec import Struct

from agentd.loopback import Loopback
from agentd.server_url import ServerUrl

OK, WARNING, FAILED = "ok", "warning", "failed"


class Finding(Struct, frozen=True):
    """`status` is ok, warning or failed; `advice` is empty where all is well."""

    status: str
    what: str
    finding: str
    advice: str = ""


class Subject(Struct, frozen=True):
    """What is looked at: paths of the settings, None where they do not parse.

    `server` has the database, where it is on one; then it is no file.
    """

    home: Path | None
    database: Path | None
    socket_path: Path | None
    address: Path | Loopback | None = None
    secret_file: Path | None = None
    server: ServerUrl | None = None


def ok(what: str, finding: str) -> Finding:
    """All is well."""
    return Finding(OK, what, finding)


def warning(what: str, finding: str, advice: str) -> Finding:
    """It works, but should not stay so."""
    return Finding(WARNING, what, finding, advice)


def failed(what: str, finding: str, advice: str) -> Finding:
    """It does not work, or something was lost."""
    return Finding(FAILED, what, finding, advice)


def not_checked(what: str, because: str) -> Finding:
    """Another check has said why this one is not possible."""
    return warning(what, "not checked", f"see what is said of {because}")
