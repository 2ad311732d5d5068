"""What a verb needs beyond what every installation has.

The rule this file keeps: what is missing is told with a command that works here, and that fetches
those packages by their own names: agentd is installed from a file or a clone, never by its name.
"""

import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from agentd.errors import Failure

_PIPX_KEEPS = "pipx_metadata.json"


def require_extra(what: str, extra: str, packages: Sequence[str]) -> None:
    """Nothing, where all packages are there. Raises `Failure`, which says how to install them."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise Failure(
            f"{what} needs {' and '.join(missing)}, of the extra `{extra}`: "
            f"`{install_command(extra, packages)}` installs what it needs; run it again then"
        )


def install_command(extra: str, packages: Sequence[str]) -> str:
    """The line that adds what an extra brings to the environment that this agentd is in.

    `packages` stand for it where nothing is known of how agentd was installed.
    """
    wanted = shlex.join(_requirements(extra) or packages)
    prefix = Path(sys.prefix)
    if (prefix / _PIPX_KEEPS).is_file():
        return f"pipx inject {shlex.quote(prefix.name)} {wanted}"
    python = shlex.quote(sys.executable)
    if find_spec("pip") is not None:
        return f"{python} -m pip install {wanted}"
    return f"uv pip install --python {python} {wanted}"


def _requirements(extra: str) -> list[str]:
    """What an extra brings, as the installed agentd says."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        told = requires("agentd") or []
    except PackageNotFoundError:
        return []
    parts = (each.partition(";") for each in told)
    asked = {f"extra == '{extra}'", f'extra == "{extra}"'}
    return [requirement.strip() for requirement, _, marker in parts if marker.strip() in asked]
