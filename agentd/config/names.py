"""Names that were meant to be settings, and are none.

The rule this file keeps: a slip in a name is not passed over in silence.
"""

from collections.abc import Collection, Iterator, Mapping

from agentd.config.envfile import EnvFile

_ALIKE = 0.8
"""How alike two names have to be for one to be a slip of the other; 1 is the same."""

_OTHERS = {
    "AGENTD_ENV_FILE",
    "AGENTD_TASK_ID",
    "AGENTD_NODE_ID",
    "AGENTD_LEASE_ID",
    "AGENTD_OWNER",
}
"""Where the settings are, and what an agent or a worker's command has set, with all it starts."""


def misspelled_names(
    environment: Mapping[str, str], file: EnvFile, known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What is said of each name that looks like a setting and is none, and what to do."""
    for place, variables in ((f"{file.path}", file.variables), ("the environment", environment)):
        for name in variables:
            if name.upper().startswith("AGENTD") and name not in {*known, *_OTHERS}:
                yield f"{name} in {place} is no setting of agentd's", _suggestion(name, known)


def _suggestion(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - rarely needed, and every verb is here

    close = get_close_matches(name.upper(), known, 1, _ALIKE)
    return f"perhaps {close[0]} is meant; else unset it" if close else "unset it"
