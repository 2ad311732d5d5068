"""What is set up: a harness, for a folder or for the user, and what it is to run.

The rule this file keeps: what was set up is looked after as it was: its program, its socket and its
places come from the record, and the settings of the moment are for what is new.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, structs

from agentd.setup.harness import HARNESSES, MOVING, Scope, SettingsFile, settings_files
from agentd.setup.record import FileRecord, SetUp
from agentd.setup.skill import skill_text
from agentd.setup.wanted import Wanted


class Target(Struct, frozen=True):
    """One harness with its files, and what is to be in them."""

    harness: str
    scope: Scope
    folder: Path
    wanted: Wanted
    skill: bytes
    environment: Mapping[str, str]

    @property
    def files(self) -> list[tuple[Path, SettingsFile]]:
        """Its files, each with its whole path."""
        return settings_files(self.harness, self.scope, self.folder, self.environment)

    @property
    def title(self) -> str:
        """What a person calls it."""
        where = f"in {self.folder}" if self.scope is Scope.PROJECT else "for you, in every folder"
        return f"{HARNESSES[self.harness].title} {where}"

    @property
    def confirm(self) -> str:
        """What a person still has to do."""
        harness = HARNESSES[self.harness]
        trust = harness.trust if self.scope is Scope.PROJECT else ""
        return "; ".join(filter(None, (harness.confirm, trust)))

    def is_recorded(self, known: SetUp) -> bool:
        """Whether the record says of it what is to be there."""
        now = self.as_setup({})
        return (known.program, known.socket, known.environment, known.moved) == (
            now.program,
            now.socket,
            now.environment,
            now.moved,
        )

    def as_setup(self, files: dict[str, FileRecord]) -> SetUp:
        """What the record says of it."""
        return SetUp(
            self.harness,
            self.scope,
            str(self.folder),
            self.wanted.program,
            self.wanted.socket,
            dict(self.wanted.environment),
            dict(self.wanted.at_first),
            {name: self.environment[name] for name in MOVING if self.environment.get(name)},
            files,
        )


def new_target(
    harness: str, scope: Scope, folder: Path, wanted: Wanted, environment: Mapping[str, str]
) -> Target:
    """Of a harness that is to run what `wanted` names. Raises `Failure` without a skill."""
    found = HARNESSES[harness]
    whole = structs.replace(wanted, is_typed=found.is_typed, hooks=found.hooks)
    return Target(harness, scope, folder, whole, skill_text(), environment)


def known_target(known: SetUp, environment: Mapping[str, str]) -> Target:
    """Of what was set up, as it was."""
    wanted = Wanted(known.program, known.socket, known.environment, known.at_first)
    places = {**environment, **dict.fromkeys(MOVING, ""), **known.moved}
    return new_target(known.harness, known.scope, Path(known.folder), wanted, places)
