"""Rule: the daemon dies early, so that its last life is long enough to show what grows.

`python -m benchmarks.soak [--minutes 60] [--seed N] [--figures DIRECTORY]`: eight workers with all
methods and random deaths; a table at the end and a picture beside it. Exit code 1 when something
grew that must not, or when the journal does not check.
"""

import argparse
import random
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import msgspec

from benchmarks import machine, report
from benchmarks.daemons import Daemon, agentd, agentd_environment, fresh_home
from benchmarks.soak.hand import Line
from benchmarks.soak.plot import draw
from benchmarks.soak.verdict import Finding, judge, p99_by_interval
from benchmarks.soak.watch import Sample, look

HANDS = 8
CALLS_PER_SECOND = 100
LEASE_SECONDS = 2
LOOK_SECONDS = 5.0
DEATH_SECONDS = 15.0
LIVES = (0.05, 0.1, 0.15)
"""When the daemon is killed, as parts of the whole time."""


class Soak:
    """Eight hands on one home, and what was seen of it."""

    def __init__(self, home: Path, seed: int) -> None:
        self._home = home
        self._random = random.Random(seed)
        self._hands: list[subprocess.Popen[bytes]] = []
        self._born = 0
        self.samples: list[Sample] = []
        self.deaths = 0

    def run(self, seconds: float) -> None:
        """Work for so long, through the daemon's lives."""
        began = monotonic()
        try:
            for life, until in enumerate((*LIVES, 1.0)):
                with agentd(self._home, timeout=LEASE_SECONDS) as daemon:
                    self._live(daemon, life, began + until * seconds)
                    if until < 1.0:
                        _kill(daemon)
        finally:
            for hand in self._hands:
                hand.kill()
                hand.wait()

    def lines(self) -> list[Line]:
        """What the hands wrote down, the dead ones too; a line cut off by a death is left out."""
        return [
            msgspec.json.decode(line, type=Line)
            for account in sorted(self._home.glob("*.account"))
            for line in account.read_bytes().split(b"\n")[:-1]
        ]

    def _live(self, daemon: Daemon, life: int, until: float) -> None:
        while len(self._hands) < HANDS:
            self._hands.append(self._new_hand(daemon))
        next_death = monotonic() + DEATH_SECONDS
        while monotonic() < until:
            self.samples.append(look(daemon, self._home, life))
            if monotonic() > next_death:
                self._replace_one(daemon)
                next_death = monotonic() + self._random.uniform(0.5, 1.5) * DEATH_SECONDS
            sleep(max(min(LOOK_SECONDS, until - monotonic()), 0.0))

    def _replace_one(self, daemon: Daemon) -> None:
        place = self._random.randrange(len(self._hands))
        self._hands[place].kill()
        self._hands[place].wait()
        self._hands[place] = self._new_hand(daemon)
        self.deaths += 1

    def _new_hand(self, daemon: Daemon) -> subprocess.Popen[bytes]:
        self._born += 1
        account = self._home / f"{self._born}.account"
        seed = str(self._random.random())
        arguments = [str(daemon.socket), str(account), seed, str(CALLS_PER_SECOND)]
        return subprocess.Popen([sys.executable, "-m", "benchmarks.soak.hand", *arguments])


def _kill(daemon: Daemon) -> None:
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(daemon.pid)], check=True)  # noqa: S607


def main() -> int:
    """Soak and say what grew."""
    options = _options()
    print(report.format_machine(machine.describe()))
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    with ExitStack() as stack:
        home = stack.enter_context(fresh_home())
        soak = Soak(home, options.seed)
        soak.run(options.minutes * 60)
        lines, checked = soak.lines(), _check(home)
    p99s = p99_by_interval(lines)
    findings = judge(soak.samples, p99s)
    for finding in findings:
        print(_row(finding))
    calls = sum(len(line.micros) for line in lines)
    print(f"{calls:,} calls; killed: {soak.deaths} workers, the daemon {len(LIVES)} times")
    print(checked)
    kept = all(finding.kept for finding in findings) and "check: ok" in checked
    options.figures.mkdir(parents=True, exist_ok=True)
    title = f"{options.minutes:g} minutes, {calls:,} calls: " + (
        "nothing grows but the journal" if kept else "something grows"
    )
    draw(options.figures / "soak.png", soak.samples, p99s, title)
    return 0 if kept else 1


def _check(home: Path) -> str:
    command = [sys.executable, "-m", "agentd", "replay", "--check"]
    ended = subprocess.run(
        command, env=agentd_environment(home), capture_output=True, text=True, check=False
    )
    return (ended.stdout + ended.stderr).strip()


def _row(finding: Finding) -> str:
    start, end = f"{finding.start:,.1f}", f"{finding.end:,.1f}"
    verdict = "ok" if finding.kept else "MISSED"
    return f"{finding.what:18}{start:>14}{end:>14} {finding.unit:7}{finding.bar:>10}  {verdict}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description="Load agentd for an hour, with deaths."
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument(
        "--figures",
        type=Path,
        default=Path(__file__).parents[1] / "figures",
        help="where soak.png goes",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
