"""Settings as these variables, and an env file, ask for them."""

from pathlib import Path

import pytest

from agentd import config
from agentd.config import Settings
from agentd.errors import BadSetting


def env_file(path: Path, content: str | bytes, mode: int = 0o600) -> str:
    """Write an env file and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return str(path)


def load(**environment: str) -> Settings:
    """The settings that these variables ask for."""
    return config.load(environment)


def refused(**environment: str) -> str:
    """What is said of settings that may not be: one line."""
    with pytest.raises(BadSetting) as refusal:
        config.load(environment)
    told = str(refusal.value)
    assert "\n" not in told
    return told
