"""Nobody is told to install `agentd` by its name: on the public index that is another project."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.daemon_process import REPOSITORY
from tests.index_name import NAME, installs_by_name

GIT = shutil.which("git")


@pytest.mark.skipif(GIT is None or not (REPOSITORY / ".git").exists(), reason="no git repository")
def test_no_file_says_so() -> None:
    """No document, message, hook, set-up or script of the repository does; below are samples."""
    assert GIT is not None
    listed = subprocess.run(
        [GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    samples = str(Path(__file__).relative_to(REPOSITORY))
    names = [name for name in listed.stdout.decode().split("\0") if name not in ("", samples)]
    assert len(names) > 500
    told = {}
    for name in names:
        path = REPOSITORY / name
        if path.is_file() and b"\0" not in (content := path.read_bytes()):
            told[name] = installs_by_name(content.decode(errors="replace"), name)
    assert {name: found for name, found in told.items() if found} == {}


@pytest.mark.parametrize(
    "sample",
    [
        "pip install NAME",
        "Say `pip install NAME` first.",
        "pip3.12 install --user 'NAME[mcp]'",
        'python3 -m pip install -U "NAME>=0.2,<1"',
        "~/agentd/bin/pip --quiet install NAME==0.2.0",
        "sudo pip install rich NAME",
        "pip install \\\n    NAME",
        "pip download NAME",
        "install it: pip install NAME.",
        "pipx install NAME",
        "pipx install --python python3.13 NAME[agents,mcp]",
        "pipx run NAME serve",
        "pipx run --spec NAME agentd",
        "pipx inject tools NAME",
        "uvx NAME mcp",
        "uvx --from NAME agentd mcp",
        "uvx --from 'NAME[mcp]' agentd mcp",
        "uvx --from=NAME agentd",
        "uvx NAME@latest",
        "uv tool install NAME",
        "uv tool run NAME",
        "uv pip install NAME",
        "uv add NAME",
        "uv run --with NAME python x.py",
        "poetry add NAME",
        "brew install NAME",
        '{"command": "uvx", "args": ["NAME", "mcp"]}',
        '{\n  "command": "uvx",\n  "args": [\n    "NAME",\n    "mcp"\n  ]\n}',
        'args = ["tool", "run", "NAME"]\ncommand = "uv"\n# dependencies = ["NAME"]',
        'subprocess.run([sys.executable, "-m", "pip", "install", "NAME"])',
        '# /// script\n# dependencies = ["httpx", "NAME"]',
        "see https://pypi.org/project/NAME/",
    ],
)
def test_it_is_found(sample: str) -> None:
    """Whatever the installer, and however it is written."""
    assert installs_by_name(sample.replace("NAME", NAME))


@pytest.mark.parametrize("line", ["NAME", "NAME>=0.2", "NAME[mcp] ~= 0.2 ; python_version > '3'"])
def test_requirements_are_read(line: str) -> None:
    """A line of a file of requirements is as good as a command."""
    text = f"httpx\n{line.replace('NAME', NAME)}\n"
    assert installs_by_name(text, "docs/requirements-dev.txt")
    assert not installs_by_name(text, "docs/notes.txt")


@pytest.mark.parametrize(
    "sample",
    [
        "pip install .",
        "pip install '.[agents]' && agentd serve",
        "pipx install .    # or: uv tool install .\nagentd serve",
        "pip install ./agentd-0.2.0-py3-none-any.whl",
        "pip install './agentd-0.2.0-py3-none-any.whl[mcp]'; agentd --version",
        "uvx --from ./agentd-0.2.0-py3-none-any.whl agentd",
        "pipx run --spec ./agentd-0.2.0-py3-none-any.whl agentd serve",
        "pipx inject agentd 'httpx>=0.28,<1'",
        "pipx uninstall agentd",
        "uv run agentd serve",
        "uv pip install --python /opt/agentd/bin/python mcp",
        "python3 -m venv ~/agentd && ~/agentd/bin/pip install .",
        "with `pip install .` agentd is there",
        "agentd @ file:///tmp/agentd.whl",
        "git clone https://example.org/agentd && pip install ./agentd",
        '{"command": "agentd", "args": ["mcp"]}',
    ],
)
def test_what_is_ours_is_let_alone(sample: str) -> None:
    """From a clone or a file, by whatever installer; and the command of that name."""
    assert installs_by_name(sample) == []
