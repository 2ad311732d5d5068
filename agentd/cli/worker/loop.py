"""`agentd loop`: four agents work on one goal, and their artifacts are files.

The rule this file keeps: nothing is registered before everything that can be checked was checked;
and whatever ends the run early, the person is told how to take it up again.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from agentd.cli import ids, screen
from agentd.cli.daemon_warnings import print_warnings
from agentd.cli.extras import require_extra
from agentd.cli.failures import Usage
from agentd.cli.printing import print_data, print_json
from agentd.cli.worker.spans import sent_spans
from agentd.client import Client
from agentd.config.values import Flag
from agentd.errors import Failure
from agentd.text import printable

if TYPE_CHECKING:
    from agentd.loop.report import ReportLine, Tone
    from agentd.loop.run import NodeEnding, RunOutcome
    from agentd.loop.settings import Settings

FLAGS = {
    "workers": "AGENTD_AGENT_WORKERS",
    "model": "DEEPSEEK_MODEL",
    "base_url": "DEEPSEEK_BASE_URL",
    "max_tokens": "DEEPSEEK_MAX_TOKENS",
    "temperature": "DEEPSEEK_TEMPERATURE",
    "artifact_dir": "AGENTD_ARTIFACT_DIR",
}
"""The variable that each flag sets for one run."""

_EXTRA_PACKAGES = ("httpx", "tenacity")
_START_AGAIN = "a failed node stays failed: correct the cause, and run `agentd loop` anew"
_COLOURS: "dict[Tone, str]" = {"good": "green", "bad": "bold red", "notice": "yellow", "plain": ""}


def run(options: argparse.Namespace) -> int:
    """Run the loop; 1 when an agent failed. Raises `Failure` or `RequestRefused`."""
    require_extra("agentd loop", "agents", _EXTRA_PACKAGES)
    from agentd.loop.settings import load

    settings = load(_flags(options), offline=bool(options.offline))
    with ExitStack() as stack:
        if options.offline:
            settings = _offline(stack, options, settings)
        client = stack.enter_context(Client())
        client.health()
        stack.enter_context(sent_spans())  # by the workers; what keeps them from it is said here
        return _run(options, client, settings)


def _flags(options: argparse.Namespace) -> dict[str, Flag]:
    given = {name: getattr(options, name) for name in FLAGS}
    return {
        FLAGS[name]: Flag(f"--{name.replace('_', '-')}", str(value))
        for name, value in given.items()
        if value is not None
    }


def _offline(stack: ExitStack, options: argparse.Namespace, settings: "Settings") -> "Settings":
    from agentd.loop.offline import ChatServer
    from agentd.loop.script import answer_as_agent

    if options.base_url is not None:
        raise Usage("--offline brings an endpoint of its own: leave --base-url out")
    server = stack.enter_context(ChatServer(answer_as_agent))
    return settings._replace(base_url=server.base_url)


def _run(options: argparse.Namespace, client: Client, settings: "Settings") -> int:
    from agentd.loop import artifacts
    from agentd.loop.chat import ChatClient
    from agentd.loop.run import run_task

    ChatClient(settings).client()  # what cannot be made is better known before a node fails of it
    artifacts.check_directory(settings.artifact_dir)
    task_id = _task(options, client, settings)
    teller = _Reporter(options, settings, task_id)
    try:
        outcome = run_task(client, task_id, settings, teller.tell)
    except (Failure, KeyboardInterrupt):
        teller.say_how_to_resume()
        raise
    return teller.conclude(outcome)


def _task(options: argparse.Namespace, client: Client, settings: "Settings") -> str:
    from agentd.loop.agents import DEFAULT_GOAL
    from agentd.loop.run import check_task, register_task

    if options.goal is not None and not options.goal.strip():
        raise Usage("--goal is empty: say what the agents are to do, or leave it out")
    if options.task is None:
        with print_warnings():
            return register_task(client, options.goal or DEFAULT_GOAL, settings)
    if options.goal is not None:
        raise Usage("--goal is for a new task: the one that --task names has its goal")
    task_id = ids.find_task_id(client, options.task)
    check_task(client, task_id)
    return task_id


class _Reporter:
    """Prints the account as it happens and what came of it; with `--json` the end alone."""

    def __init__(self, options: argparse.Namespace, settings: "Settings", task_id: str) -> None:
        self._options = options
        self._task_id = task_id
        self._began = time.time()
        self._console = screen.console() if screen.is_terminal() else None
        endpoint = "scripted answers" if options.offline else settings.base_url
        again = " again" if options.task else ""
        crew = "1 worker" if settings.workers == 1 else f"{settings.workers} workers"
        self._say(f"task {task_id}{again}")
        self._say(f"{crew}, {settings.model}, {endpoint}")

    def tell(self, line: "ReportLine") -> None:
        """Print one line of the report."""
        seconds = line.at - self._began
        words = f"{seconds:6.2f}s  {line.who:<14} {line.what:<11} {line.about}"
        self._say(words, _COLOURS[line.tone])

    def say_how_to_resume(self) -> None:
        """The run ends early, and the task does not."""
        offline = " --offline" if self._options.offline else ""
        print(
            f"agentd: nothing is lost; go on with: agentd loop{offline} --task {self._task_id}",
            file=sys.stderr,
        )

    def conclude(self, outcome: "RunOutcome") -> int:
        """What came of it; returns the exit code."""
        seconds = round(time.time() - self._began, 2)
        if self._options.json:
            return _print_envelope(outcome, seconds)
        self._say("")
        for node in outcome.nodes:
            self._say_ending(node)
        made, usage = sum(node.is_good for node in outcome.nodes), outcome.usage
        self._say("")
        self._say(
            f"{made} of {len(outcome.nodes)} artifacts in {seconds:.1f} s; "
            f"{usage.get('prompt_tokens', 0):,} tokens in, "
            f"{usage.get('completion_tokens', 0):,} out",
            "green" if outcome.is_good else "bold red",
        )
        if "FAILED" in outcome.counts:
            self._say(_START_AGAIN)
        elif "PENDING" in outcome.counts:  # somebody told the workers to stop
            self.say_how_to_resume()
        return 0 if outcome.is_good else 1

    def _say_ending(self, node: "NodeEnding") -> None:
        if node.result is None:
            self._say(f"{node.agent}: {_describe_problem(node)}", "bold red", whole=True)
            return
        cut = ", cut off at DEEPSEEK_MAX_TOKENS" if node.result.is_cut else ""
        self._say(f"{node.agent}: {node.result.artifact.bytes:,} bytes{cut}")
        self._say(f"  {node.result.artifact.path}", whole=True)
        if node.artifact_problem is not None:
            self._say(f"  {node.artifact_problem}", "bold red")

    def _say(self, line: str, style: str = "", *, whole: bool = False) -> None:
        """Print a line; on a terminal it is cut to fit unless it is worth more as a whole."""
        if self._options.json:
            return
        if self._console is None:
            print(printable(line), flush=True)
        elif whole:
            self._console.print(printable(line), style=style or None, soft_wrap=True)
        else:
            text = screen.plain_text(line, style)
            self._console.print(text, no_wrap=True, overflow="ellipsis")


def _print_envelope(outcome: "RunOutcome", seconds: float) -> int:
    if outcome.is_good:
        print_data({**msgspec.to_builtins(outcome), "seconds": seconds})
        return 0
    bad = [f"{node.agent}: {_describe_problem(node)}" for node in outcome.nodes if not node.is_good]
    error = {
        "kind": "loop_failed",
        "message": "; ".join(bad),
        "next": f"`agentd task show {outcome.task_id}` shows the nodes; {_START_AGAIN}",
    }
    print_json(msgspec.json.encode({"ok": False, "error": error}))
    return 1


def _describe_problem(node: "NodeEnding") -> str:
    """Why there is no good artifact, and what to do next where that is known."""
    from agentd.loop.report import error_advice, error_message

    if node.result is not None:
        return f"{node.result.artifact.path} {node.artifact_problem}"
    if node.error is None:
        return f"still {node.status}"
    what_next = error_advice(node.error)
    return error_message(node.error) + (f": {what_next}" if what_next else "")
