"""What systemd is given: the texts of the units, and words that mean there what they meant here."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentd.errors import BadSetting
from agentd.service.plan import Plan, Worker
from agentd.service.quoting import bare_path, quoted_assignment, quoted_command
from agentd.service.units import instance_names, unit_texts
from agentd.service.workers import parse_all, parse_workers

ANY_WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
PATHS = ANY_WORD.map(lambda word: "/" + word.replace("$", ""))


def read_words(line: str) -> list[str]:
    """The words of a command line, by systemd's rules: quotes, escapes, `%%` and `$$`."""
    words, rest = [], line
    while rest:
        assert rest[0] == '"', "every word is quoted"
        end = re.compile(r'"((?:[^"\\]|\\.)*)"( |$)').match(rest)
        assert end, rest
        word = re.sub(r"\\(.)", r"\1", end[1])
        assert not re.search(r"(?<!%)(%%)*%(?!%)", word), "a specifier that would be replaced"
        words.append(word.replace("%%", "%"))
        rest = rest[end.end() :]
    for word in words[1:]:
        assert "$" not in word.replace("$$", ""), "a variable that would be replaced"
    return [words[0], *(word.replace("$$", "$") for word in words[1:])]


@given(PATHS, st.lists(ANY_WORD))
@example("/a b", ['"', "\\", "%h", "$HOME", "${X}", ";", "'", "", "a\\", "%%", "$$"])
def test_a_command_means_what_it_meant(program: str, arguments: list[str]) -> None:
    """Whatever is in the words of a command, systemd starts it with these words."""
    assert read_words(quoted_command([program, *arguments])) == [program, *arguments]


@given(ANY_WORD)
@example('a "quoted" \\ $value of 100%')
def test_a_variable_has_its_value(value: str) -> None:
    """A value is what it was: `$` means nothing there, `%` is doubled."""
    written = quoted_assignment("AGENTD_NOTIFY", value)
    unescaped = re.sub(r"\\(.)", r"\1", written[1:-1])
    assert unescaped.replace("%%", "%") == f"AGENTD_NOTIFY={value}"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (lambda: quoted_command(["/bin/echo", "a\nb"]), "a control character"),
        (lambda: quoted_command(["/bin/echo", "\udc80"]), "is not UTF-8"),
        (lambda: quoted_command(["/opt/$x/agentd"]), "has a `$` in its path"),
        (lambda: quoted_assignment("AGENTD_NOTIFY", "a\tb"), "a control character"),
        (lambda: bare_path("/home/me/a "), "ends in what systemd would cut off"),
        (lambda: bare_path("/home/me/a\\"), "ends in what systemd would cut off"),
        (lambda: bare_path("/home/me/\x1b"), "a control character"),
    ],
)
def test_what_a_unit_cannot_hold_is_refused(told: object, reason: str) -> None:
    """What systemd would read as something else is refused, and shown as text."""
    assert callable(told)
    with pytest.raises(BadSetting, match=re.escape(reason)) as error:
        told()
    assert "\x1b" not in str(error.value)


def plan(version: str = "0.1.0") -> Plan:
    """A service of a user called me."""
    told = parse_all(['claude=2:agentd work --all -- claude -p "100% of $X"'])
    words = ("/home/me/.local/bin/agentd", *told[0].words[1:])
    return Plan(
        version,
        ("/home/me/.local/bin/agentd",),
        Path("/home/me/.agentd"),
        Path("/home/me/.agentd/100%.sock"),
        {"PATH": "/usr/bin:/bin", "AGENTD_LOG": "agentd=debug"},
        (Worker(told[0], words),),
    )


def settings(text: str) -> list[str]:
    """A unit without its comments and blank lines."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_socket() -> None:
    """The socket is at the settings' path, for its user only, and goes when it is stopped."""
    assert settings(dict(unit_texts(plan()))["agentd.socket"]) == [
        "[Unit]",
        "Description=agentd's socket: who connects starts the daemon",
        "[Socket]",
        "ListenStream=/home/me/.agentd/100%%.sock",
        "SocketMode=0600",
        "DirectoryMode=0700",
        "RemoveOnStop=yes",
        "[Install]",
        "WantedBy=sockets.target",
    ]


def test_the_daemon() -> None:
    """The daemon tells that it is ready and alive, is started again a few times, and may little."""
    assert settings(dict(unit_texts(plan()))["agentd.service"]) == [
        "[Unit]",
        "Description=agentd, which keeps the state of AI agents' work",
        "Requires=agentd.socket",
        "After=agentd.socket",
        "StartLimitIntervalSec=60",
        "StartLimitBurst=5",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        'ExecStart="/home/me/.local/bin/agentd" "serve"',
        'Environment="PATH=/usr/bin:/bin"',
        'Environment="AGENTD_LOG=agentd=debug"',
        "TimeoutStartSec=90",
        "TimeoutStopSec=30",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartSec=1",
        "RestartPreventExitStatus=2 4 5",
        "KillMode=mixed",
        "OOMPolicy=continue",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "LockPersonality=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "SystemCallArchitectures=native",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "[Install]",
        "WantedBy=default.target",
        "Also=agentd.socket",
    ]


def test_a_worker() -> None:
    """A worker goes with the socket, and is started again for ever, after a pause."""
    text = dict(unit_texts(plan()))["agentd-worker-claude@.service"]
    assert '# --workers claude=2:agentd work --all -- claude -p "100% of $X"' in text.splitlines()
    assert settings(text) == [
        "[Unit]",
        "Description=agentd worker claude %i",
        "BindsTo=agentd.socket",
        "After=agentd.socket agentd.service",
        "StartLimitIntervalSec=0",
        "[Service]",
        "Type=exec",
        'ExecStart="/home/me/.local/bin/agentd" "work" "--all" "--" "claude" "-p" "100%% of $$X"',
        'Environment="PATH=/usr/bin:/bin"',
        'Environment="AGENTD_LOG=agentd=debug"',
        "Restart=always",
        "RestartSec=10",
        "RestartPreventExitStatus=2",
        "KillMode=mixed",
        "TimeoutStopSec=10min",
        "OOMPolicy=continue",
        "[Install]",
        "WantedBy=agentd.socket",
    ]
    assert instance_names(plan().workers[0]) == [
        "agentd-worker-claude@1.service",
        "agentd-worker-claude@2.service",
    ]


def test_every_unit_says_whose_it_is() -> None:
    """The first line of each names who wrote it, and which version: an upgrade changes it."""
    for text in dict(unit_texts(plan(version="9.9"))).values():
        assert text.startswith("# Written by `agentd service install` of agentd 9.9.\n")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """The check of systemd itself has nothing to say of the units."""
    there = plan()._replace(program=("/bin/true",), socket=tmp_path / "a b%.sock")
    there = there._replace(workers=(there.workers[0]._replace(words=("/bin/true", "a;", ";")),))
    for name, text in unit_texts(there):
        (tmp_path / name).write_text(text)
    units = [tmp_path / name for name in ("agentd.service", "agentd.socket")]
    units.append(tmp_path / "agentd-worker-claude@1.service")
    ended = subprocess.run(
        [shutil.which("systemd-analyze") or "", "--user", "verify", *units],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = re.compile(r"agentd(-worker-claude@1)?\.(service|socket)")  # others have faults, too
    told = [line for line in ended.stderr.splitlines() if ours.search(line)]
    assert (ended.returncode, told) == (0, []), ended.stderr


# --workers


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("claude", "expected NAME=N:COMMAND"),
        ("Claude=2:agentd work --all -- cat", 'the name is "Claude"'),
        ("a/b=2:cat", 'the name is "a/b"'),
        ("=2:cat", 'the name is ""'),
        ("a=0:cat", '"0" is no number from 1 to 64'),
        ("a=65:cat", '"65" is no number from 1 to 64'),
        ("a=two:cat", '"two" is no number'),
        ("a=٢:cat", "is no number"),
        ("a=2:", "no command"),
        ("a=2:''", "no command"),
        ("a=2:cat 'b", "no closing quotation"),
        ("a=2:cat b\nExecStart=/bin/evil", "a new line"),
        ("a=2:cat \x1b[2J", "a control character"),
    ],
)
def test_workers_that_are_refused(told: str, reason: str) -> None:
    """What is no description of workers is refused, with what was given and why."""
    with pytest.raises(BadSetting) as error:
        parse_workers(told)
    message = str(error.value)
    assert message.startswith("--workers ")
    assert reason in message
    assert message.isprintable()


def test_workers_that_are_understood() -> None:
    """The words are those that a shell would make of the command; without a number it is one."""
    found = parse_all(["b:agentd work --all", "a=3:sh -c 'cd ~ && x=1:2'"])
    assert [(each.name, each.instances, each.words) for each in found] == [
        ("a", 3, ("sh", "-c", "cd ~ && x=1:2")),
        ("b", 1, ("agentd", "work", "--all")),
    ]


def test_two_workers_of_one_name() -> None:
    """A name stands for one command."""
    with pytest.raises(BadSetting, match="is given twice"):
        parse_all(["a:cat", "a=2:cat"])
