"""How a verb starts: with what it needs, and nothing heavy besides."""

import subprocess
import sys
from uuid import UUID

import pytest

from agentd.cli.failures import Usage
from agentd.cli.verbs import parser
from tests.daemon_process import REPOSITORY, DaemonProcess, environment
from tests.graphs import DIAMOND

NOBODYS = str(UUID(int=5))
WATCHED = """
import sys
from agentd.cli import main
code = main(sys.argv[1:])
print(code, *sorted(sys.modules), file=sys.stderr)
"""
HEAVY = {
    "asyncio",
    "agentd.client.autostart",
    "agentd.backup",
    "agentd.daemon",
    "agentd.doctor",
    "agentd.earlier",
    "agentd.loop",
    "agentd.mcp",
    "agentd.methods",
    "agentd.proof",
    "agentd.rehearsal",
    "agentd.secret_file",
    "agentd.service",
    "agentd.setup.plan",
    "agentd.store",
    "agentd.top",
    "agentd.transact",
    "agentd.ui",
    "agentd.worker",
    "apsw",
    "psycopg",
    "dotenv",
    "hmac",
    "httpx",
    "jinja2",
    "markdown_it",
    "mcp",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "renderdag",
    "rich",
    "shtab",
    "textual",
    "sse_starlette",
    "starlette",
    "tomlkit",
    "transitions",
    "uvicorn",
    "uvloop",
    "yaml",
}


def imported(daemon: DaemonProcess, *arguments: str) -> set[str]:
    """What a verb imports of what takes its time."""
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED, *arguments],
        cwd=REPOSITORY,
        env=environment(daemon.home, {}),
        input=DIAMOND,
        capture_output=True,
        text=True,
        check=True,
    )
    code, *modules = ended.stderr.splitlines()[-1].split()
    assert code == "0", ended
    return HEAVY & set(modules)


@pytest.mark.parametrize(
    ("verb", "needs"),
    [
        ("call Health", set()),
        ("status", set()),
        ("metrics", set()),
        ("task list", set()),
        ("task events TASK", set()),
        ("events --since 1h", set()),
        ("inbox", set()),
        ("prime", set()),
        ("hook tool-use", set()),
        ("hook edit", set()),
        ("complete nodes @", set()),
        ("task show TASK", set()),
        ("task graph TASK", {"renderdag"}),
        ("task register -", {"yaml"}),
        ("task export TASK", set()),
    ],
)
def test_a_verb_imports_what_it_needs(shared: DaemonProcess, verb: str, needs: set[str]) -> None:
    """In a pipe no verb imports what draws, and none of them what only the daemon needs."""
    with shared.connect() as connection:
        task = connection.call("RegisterTask", goal="g")["task_id"]
    assert imported(shared, *verb.replace("TASK", task).split()) == needs


def test_the_parser_has_what_the_words_need() -> None:
    """A verb that is not among them takes nothing yet, and those below it are not made."""
    some = parser(("task", "list"))
    with pytest.raises(Usage):
        some.parse_args(("limit", "list"))
    words = ("task", "list", "--runnable", "--limit", "3")
    assert some.parse_args(words) == parser().parse_args(words)
