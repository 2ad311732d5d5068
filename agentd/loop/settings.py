"""What can be set for the loop.

The rule this file keeps: a flag wins over the environment, the environment over the env file, that
over the default; a value that does not parse stops the loop before anything is registered or sent.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from agentd import config
from agentd.config.envfile import env_file
from agentd.config.values import Flag, Values
from agentd.errors import BadSetting
from agentd.loop.secret import Secret

DEFAULT_BASE_URL = "https://api.deepseek.com"
DEFAULT_MODEL = "deepseek-v4-flash"
DEFAULT_MAX_TOKENS = 120
DEFAULT_TEMPERATURE = 0.2
DEFAULT_WORKERS = 2
ARTIFACTS_NAME = "artifacts"
OFFLINE_KEY = "offline-needs-no-key"
"""The endpoint on loopback asks for no key, so it does not get the real one either."""

MOST_WORKERS = 64
MOST_TOKENS = 1_000_000
HOTTEST = 2.0
"""The largest temperature of the chat API."""


class Settings(NamedTuple):
    """All that can be set."""

    key: Secret
    base_url: str
    model: str
    max_tokens: int
    temperature: float
    workers: int
    artifact_dir: Path

    def environment(self) -> dict[str, str]:
        """The variables that make a worker process read these same settings."""
        return {
            "DEEPSEEK_API_KEY": self.key.reveal(),
            "DEEPSEEK_BASE_URL": self.base_url,
            "DEEPSEEK_MODEL": self.model,
            "DEEPSEEK_MAX_TOKENS": str(self.max_tokens),
            "DEEPSEEK_TEMPERATURE": str(self.temperature),
            "AGENTD_AGENT_WORKERS": str(self.workers),
            "AGENTD_ARTIFACT_DIR": str(self.artifact_dir),
        }


def load(
    flags: Mapping[str, Flag] | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    offline: bool = False,
) -> Settings:
    """The settings that are in force; `offline` asks for no key and takes none.

    Raises `BadSetting` for the first value that does not parse.
    """
    environment = os.environ if environment is None else environment
    file = env_file(environment)
    if file.problem is not None:
        raise BadSetting(file.problem)
    values = Values(environment, file, flags or {})
    return Settings(
        Secret(OFFLINE_KEY) if offline else _key(values),
        _base_url(values),
        _model(values),
        values.whole_number("DEEPSEEK_MAX_TOKENS", DEFAULT_MAX_TOKENS, "tokens", 1, MOST_TOKENS),
        _temperature(values),
        values.whole_number("AGENTD_AGENT_WORKERS", DEFAULT_WORKERS, "workers", 1, MOST_WORKERS),
        values.path("AGENTD_ARTIFACT_DIR") or config.home(values) / ARTIFACTS_NAME,
    )


def _key(values: Values) -> Secret:
    text = values.get("DEEPSEEK_API_KEY")
    if text is None:
        raise BadSetting(
            "DEEPSEEK_API_KEY is not set: put it into the environment or the env file, "
            "or try the loop without a key: agentd loop --offline"
        )
    with values.locate_errors("DEEPSEEK_API_KEY"):
        return Secret.parse("DEEPSEEK_API_KEY", text)


def _base_url(values: Values) -> str:
    url = (values.get("DEEPSEEK_BASE_URL") or DEFAULT_BASE_URL).strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or a broken IPv6 address
        good = False
    if set(url) & set("@?#"):  # shown wherever the URL is, so not shown here either
        raise BadSetting(
            f"{values.shown_name('DEEPSEEK_BASE_URL')} has a user, a query or a fragment in it: "
            f"expected a URL such as {DEFAULT_BASE_URL}; the key goes into DEEPSEEK_API_KEY"
            f"{values.file_hint('DEEPSEEK_BASE_URL')}"
        )
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise values.bad_setting("DEEPSEEK_BASE_URL", f"a URL such as {DEFAULT_BASE_URL}")
    return url.rstrip("/")


def _model(values: Values) -> str:
    model = (values.get("DEEPSEEK_MODEL") or DEFAULT_MODEL).strip()
    if not model.isprintable():
        raise values.bad_setting("DEEPSEEK_MODEL", f"the name of a model, such as {DEFAULT_MODEL}")
    return model


def _temperature(values: Values) -> float:
    text = values.get("DEEPSEEK_TEMPERATURE")
    if text is None:
        return DEFAULT_TEMPERATURE
    try:
        temperature = float(text)
    except ValueError:
        temperature = math.nan
    if not 0 <= temperature <= HOTTEST:
        raise values.bad_setting("DEEPSEEK_TEMPERATURE", f"a number from 0 to {HOTTEST:g}")
    return temperature
