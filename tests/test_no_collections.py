"""Work that keeps all that it makes."""

import gc
from pathlib import Path

import pytest

from agentd.cli.no_collections import no_collections
from agentd.cli.task import import_
from agentd.plans.reading import read_plan
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY


def test_nothing_is_looked_for_within() -> None:
    """Afterwards all is as it was, whatever happens."""
    with pytest.raises(KeyError):
        _fail_within()
    assert gc.isenabled()


def _fail_within() -> None:
    with no_collections():
        assert not gc.isenabled()
        raise KeyError


def test_a_plan_is_read_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is most of the time that a large one takes."""
    seen: list[bool] = []

    def read(*given: object) -> object:
        seen.append(gc.isenabled())
        return read_plan(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(import_, "read_plan", read)
    path = REPOSITORY / "examples" / "plans" / "dagu.yaml"
    assert agentd_here(tmp_path, "task", "import", str(path), "--dry-run").code == 0
    assert seen == [False]
