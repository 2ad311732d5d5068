"""The variables that are set, each with where its value comes from.

The rule this file keeps: a flag wins over the environment, the environment over the env file, and a
value that does not parse raises one line that names the variable, the value and what is expected.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agentd.config.envfile import EnvFile
from agentd.config.paths import expand_path
from agentd.errors import BadSetting

LARGEST = 2**32 - 1
"""The largest number that a setting may be, where nothing else is said."""

_MOST_DIGITS = 16
"""Digits of a number that is read at all."""

_QUOTED = 80
"""Characters of a value that an error repeats."""


class Flag(NamedTuple):
    """An argument of the command line that sets a variable for one run: `--workers`, and `2`."""

    name: str
    value: str


class Values:
    """The variables, and where each comes from: a flag wins over the environment."""

    def __init__(
        self,
        environment: Mapping[str, str],
        file: EnvFile,
        flags: Mapping[str, Flag] = MappingProxyType({}),
    ) -> None:
        self._environment = environment
        self._file = file
        self._flags = flags

    def get(self, name: str) -> str | None:
        """The value, or None where it is not set. Raises `BadSetting` on an empty one."""
        value = self.get_unchecked(name)
        if value is not None and not value.strip():
            told = f"{self.shown_name(name)} is set but empty: give it a value or unset it"
            raise BadSetting(told + self.file_hint(name))
        return value

    def shown_name(self, name: str) -> str:
        """What an error calls a variable: as the one who set it wrote it."""
        return self._flags[name].name if name in self._flags else name

    def get_unchecked(self, name: str) -> str | None:
        """The value of a variable that is not ours alone, empty or not."""
        if name in self._flags:
            return self._flags[name].value
        return self._environment.get(name, self._file.variables.get(name))

    def origin(self, name: str) -> str:
        """Where the value of a variable comes from."""
        if name in self._environment:
            return "environment"
        return "env file" if name in self._file.variables else "default"

    def path(self, name: str) -> Path | None:
        """An absolute path with `~` expanded, or None where it is not set."""
        value = self.get(name)
        with self.locate_errors(name):
            return None if value is None else expand_path(self.shown_name(name), value)

    def whole_number(
        self, name: str, default: int, unit: str, least: int = 0, most: int = LARGEST
    ) -> int:
        """A whole number from `least` to `most`."""
        value = self.get(name)
        if value is None:
            return default
        number = parse_number(value)
        if number is None or not least <= number <= most:
            raise self.bad_setting(name, f"{unit}, a whole number from {least} to {most}")
        return number

    def bad_setting(self, name: str, expected: str) -> BadSetting:
        """The refusal of a variable's value."""
        value = shorten(self.get_unchecked(name) or "")
        return BadSetting(
            f"{self.shown_name(name)}={value}: expected {expected}{self.file_hint(name)}"
        )

    def file_hint(self, name: str) -> str:
        """What an error adds of the file that the value stands in, if it is in one."""
        in_file = name not in self._flags and self.origin(name) == "env file"
        return f" (in {self._file.path})" if in_file else ""

    @contextmanager
    def locate_errors(self, name: str) -> Iterator[None]:
        """An error of this value says where it stands."""
        try:
            yield
        except BadSetting as error:
            raise BadSetting(f"{error}{self.file_hint(name)}") from error


def parse_number(text: str) -> int | None:
    """A whole number in decimal digits, none of those that are too long for any setting."""
    digits = text.strip()
    is_one = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_one else None


def shorten(value: str) -> str:
    """A value as an error repeats it."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
