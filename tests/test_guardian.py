"""The process that guards a worker's commands: it starts them, and ends them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from agentd.worker.child_process import ChildProcess
from agentd.worker.guardian import GuardedCommand, Guardian, GuardianGone
from agentd.worker.guardian_process import EXITED, GONE, NUMBER, Frames, frame
from tests.daemon_process import PATIENCE_SECONDS, REPOSITORY
from tests.working import is_gone

STUBBORN = "trap '' TERM; sleep 600 & echo $!; echo $$; while :; do sleep 1; done"


@pytest.fixture
def guardian() -> Iterator[Guardian]:
    """A guardian, whose commands are given no time when their worker is gone."""
    with Guardian(0) as opened:
        yield opened


def command_ran(guardian: Guardian, *command: str, **variables: str) -> tuple[int, bytes]:
    """Exit code and output of a command."""
    written = bytearray()

    async def take(piece: bytes) -> None:
        written.extend(piece)

    async def ran() -> int:
        child = ChildProcess(guardian, command, {**os.environ, **variables})
        return await asyncio.wait_for(child.run(take, take), PATIENCE_SECONDS)

    return asyncio.run(ran()), bytes(written)


def with_command(
    guardian: Guardian, script: str, then: Callable[[GuardedCommand, list[int]], Awaitable[None]]
) -> None:
    """Start a script, and go on when it has said two process ids."""
    read_end, write_end = os.pipe()
    with (
        open(read_end, "rb") as out,  # noqa: PTH123 - no path
        Path(os.devnull).open("rb") as nothing,
    ):
        descriptors = (nothing.fileno(), write_end, write_end)

        async def run() -> None:
            command = guardian.start(["sh", "-c", script], os.environ, descriptors)
            os.close(write_end)
            said = await asyncio.to_thread(lambda: [int(out.readline()) for _ in range(2)])
            async with asyncio.timeout(PATIENCE_SECONDS):
                await then(command, said)

        asyncio.run(run())


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_the_exit_code(guardian: Guardian, script: str, code: int) -> None:
    """It is the command's, or minus the number of the signal that ended it."""
    assert command_ran(guardian, "sh", "-c", script) == (code, b"")


def test_what_it_is_given(guardian: Guardian) -> None:
    """Arguments and environment are the bytes that were given, with those that are no text."""
    odd = os.fsdecode(b"\xff\n=")
    code, out = command_ran(guardian, "sh", "-c", 'printf "%s|" "$@" "$ODD"', "", "", odd, ODD=odd)
    assert (code, out) == (0, b"|\xff\n=|\xff\n=|")


def test_a_command_without_arguments_and_environment(guardian: Guardian) -> None:
    """Neither needs to be there."""

    async def take(_piece: bytes) -> None:
        return

    async def ran() -> int:
        return await ChildProcess(guardian, ["true"], {}).run(take, take)

    assert asyncio.run(ran()) == 0


class ScriptedGuardian(Guardian):
    """Tells that the command has ended after so many turns of the loop; its output ends at once."""

    def __init__(self, turns: int) -> None:
        self._turns = turns

    def start(self, *_command: object) -> GuardedCommand:
        """A command that ends by itself."""
        started = GuardedCommand(self, 1)
        self._ending = asyncio.create_task(self._end(started))
        return started

    async def _end(self, started: GuardedCommand) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)
        started.hear(EXITED, NUMBER.pack(0))

    def forget(self, _number: int) -> None:
        """Nothing is kept."""


@pytest.mark.parametrize("turns", range(12))
def test_its_end_is_told_before_its_code(turns: int) -> None:
    """Whatever is heard first, the end of its output or its own: after the code nothing is told."""
    told = []

    async def take(_piece: bytes) -> None:
        return

    async def ran() -> None:
        child = ChildProcess(
            ScriptedGuardian(turns), ["true"], {}, on_exit=lambda: told.append("end")
        )
        await child.run(take, take)
        told.append("code")
        await asyncio.sleep(0)

    asyncio.run(ran())
    assert told == ["end", "code"]


def test_a_program_that_is_not_there(guardian: Guardian) -> None:
    """It is the error that starting it here would be, and others can be started afterwards."""
    with pytest.raises(FileNotFoundError) as caught:
        command_ran(guardian, "/no/such/program")
    assert caught.value.filename == "/no/such/program"
    assert command_ran(guardian, "true") == (0, b"")


def test_it_is_told_of_signals(guardian: Guardian) -> None:
    """No signal is blocked or ignored in a command, as if a shell had started it."""
    asks = (
        "import signal as s; print(s.pthread_sigmask(s.SIG_BLOCK, ()),"
        " [s.getsignal(n) is s.SIG_DFL for n in (s.SIGTERM, s.SIGHUP, s.SIGCHLD)])"
    )
    assert command_ran(guardian, sys.executable, "-c", asks) == (0, b"set() [True, True, True]\n")


def test_the_whole_group_ends(guardian: Guardian) -> None:
    """A group is gone when all that the command has started in it are, whatever they ignore."""

    async def then(command: GuardedCommand, said: list[int]) -> None:
        command.end(0.2)
        await command.gone
        assert all(is_gone(pid, 0) for pid in said)

    with_command(guardian, STUBBORN, then)


def test_a_helper_that_nobody_waits_for(guardian: Guardian) -> None:
    """It has ended, but whoever should look at it has left the group: nobody waits for that."""
    # In one piece, as two write at once: `print` writes the line's end by itself where Python is
    # told to keep nothing back.
    sleeps = "import time; os.write(1, b'%d\\n' % os.getpid()); time.sleep(600)"
    program = (  # the one that leaves says its number, with a helper that stays and has ended
        f"import os\nif os.fork() == 0:\n ended = os.fork()\n if ended == 0: os._exit(0)\n"
        f" os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)\n os.setsid()\n{sleeps}"
    )

    async def then(command: GuardedCommand, said: list[int]) -> None:
        command.end(0)
        await command.gone
        left = [pid for pid in said if not is_gone(pid, 0)]
        assert len(left) == 1
        os.kill(left[0], signal.SIGKILL)

    with_command(guardian, f'exec {sys.executable} -c "{program}"', then)


def test_a_group_that_is_polite(guardian: Guardian) -> None:
    """Nobody waits for the end of the grace where all have heard, stopped ones too."""

    async def then(command: GuardedCommand, said: list[int]) -> None:
        for pid in said:
            os.kill(pid, signal.SIGSTOP)
        command.end(10 * PATIENCE_SECONDS)
        await command.gone
        assert is_gone(said[0], 0)

    with_command(guardian, "sleep 600 & echo $!; echo $$; wait", then)


def test_helpers_stay(guardian: Guardian) -> None:
    """What a command leaves behind that ends by itself is left alone, by its worker's end too."""
    script = "sleep 600 >/dev/null 2>&1 & echo $!"
    code, out = command_ran(guardian, "sh", "-c", script)
    with guardian:
        pass
    assert code == 0
    assert not is_gone(int(out), 0)
    os.kill(int(out), signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_heeds_no_signal_to_stop(guardian: Guardian, number: signal.Signals) -> None:
    """A signal to all processes leaves it its work."""
    command_ran(guardian, "true")  # it has begun
    os.kill(guardian.pid, number)
    assert command_ran(guardian, "true") == (0, b"")


def test_a_guardian_that_is_killed(guardian: Guardian) -> None:
    """Its commands are, and whoever waits for one is told; no other can be started."""

    async def then(command: GuardedCommand, said: list[int]) -> None:
        os.kill(guardian.pid, signal.SIGKILL)
        with pytest.raises(GuardianGone):
            await command.exited
        assert await asyncio.to_thread(lambda: all(map(is_gone, said)))
        with pytest.raises(GuardianGone):
            guardian.start(["true"], {}, (0, 1, 2))

    with_command(guardian, STUBBORN, then)


def test_a_guardian_that_is_killed_in_the_grace(guardian: Guardian) -> None:
    """What is left of a command that was told to end is ended, too."""
    script = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & echo $!; wait"

    async def then(command: GuardedCommand, said: list[int]) -> None:
        command.end(10 * PATIENCE_SECONDS)
        assert await command.exited == -signal.SIGTERM
        assert not is_gone(said[0], 0)
        os.kill(guardian.pid, signal.SIGKILL)
        await command.gone
        assert await asyncio.to_thread(lambda: all(map(is_gone, said)))

    with_command(guardian, script, then)


WORKER = f"""
import asyncio, os
from agentd.worker.guardian import Guardian

async def main():
    Guardian(60).start(["sh", "-c", {STUBBORN!r}], os.environ, (0, 1, 2))
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_a_worker_that_is_killed() -> None:
    """It takes all along; they have no more than two seconds, however long their grace."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        said = [int(worker.stdout.readline()) for _ in range(2)]
        worker.kill()
        assert all(map(is_gone, said))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_both_are_killed() -> None:
    """Even then the command itself does not go on."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=REPOSITORY, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        helper, command = (int(worker.stdout.readline()) for _ in range(2))
        guardian = parent_of(command)
        worker.send_signal(signal.SIGSTOP)  # so that it is not the one who ends it
        os.kill(guardian, signal.SIGKILL)
        assert is_gone(command)
        worker.kill()
        os.kill(helper, signal.SIGKILL)


def parent_of(pid: int) -> int:
    """The parent of a process, on Linux."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
def test_it_sleeps(guardian: Guardian) -> None:
    """While nothing happens it does nothing: no time of a processor is spent."""

    def ticks() -> list[str]:
        fields = Path(f"/proc/{guardian.pid}/stat").read_text().rpartition(")")[2].split()
        return fields[11:13]

    command_ran(guardian, "true")
    before = ticks()
    time.sleep(1)
    assert ticks() == before


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_messages_in_pieces(size: int) -> None:
    """Messages are put together again, however they come."""
    stream = frame(EXITED, 1, b"body") + frame(GONE, 2) + frame(EXITED, 3, b"\0" * 100)
    frames = Frames()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    heard = [message for piece in pieces for message in frames.feed(piece)]
    assert heard == [(EXITED, 1, b"body"), (GONE, 2, b""), (EXITED, 3, b"\0" * 100)]
