"""What one client asked and what it was answered, in an append-only file that only it writes.

The rule this file keeps: a request is written down before it is sent, and its answer once its line
was read. So an entry with an outcome is acknowledged, and of one without nobody knows the effect.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon_process import Object


@dataclass
class Entry:
    """One request; `result` and `refusal` are what was acknowledged, if anything was."""

    client: str
    number: int
    method: str
    params: Object
    answered: bool = False
    result: Any = None
    refusal: str | None = None
    times: int = 1

    @property
    def done(self) -> bool:
        """Whether the daemon has acknowledged that it did what was asked."""
        return self.answered and self.refusal is None


class Account:
    """The client's end of the file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._number = 0

    def asks(self, method: str, params: Object) -> int:
        """Write down a request that is about to be sent; returns its number."""
        self._number += 1
        self._write({"number": self._number, "method": method, "params": params})
        return self._number

    def repeats(self, number: int) -> None:
        """Write down that the request is about to be sent once more."""
        self._write({"number": number})

    def was_answered(self, number: int, response: Object) -> None:
        """Write down an answer; of what an acquisition brings, the lease only.

        That the outcome is unknown is no answer.
        """
        if "error" in response:
            kind = response["error"]["data"]["kind"]
            if kind != "storage_error" or "is unknown" not in response["error"]["message"]:
                self._write({"number": number, "refusal": kind})
            return
        self._write({"number": number, "result": _without_context(response["result"])})

    def _write(self, line: Object) -> None:
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")


def _without_context(result: Any) -> Any:
    if not isinstance(result, dict):
        return result
    kept = {name: result[name] for name in result if name != "context"}
    return {**kept, "next": _without_context(kept["next"])} if "next" in kept else kept


class Accounts:
    """The files of all clients of one folder, read while they grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}
        self._entries: dict[tuple[str, int], Entry] = {}

    @property
    def entries(self) -> list[Entry]:
        """All that was read so far."""
        return list(self._entries.values())

    def read(self) -> list[Entry]:
        """Read on; returns the entries that were answered since the last time."""
        answered = []
        for path in sorted(self._folder.glob("*.account")):
            for line in self._new_lines(path):
                entry = self._take(path.stem, json.loads(line))
                if entry.answered:
                    answered.append(entry)
        return answered

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path.stem, 0))
            whole, _, unfinished = file.read().rpartition(b"\n")
            self._read[path.stem] = file.tell() - len(unfinished)
        return whole.splitlines()

    def _take(self, client: str, line: Object) -> Entry:
        key = client, line["number"]
        if "method" in line:
            entry = Entry(client, line["number"], line["method"], line["params"])
            self._entries[key] = entry
            return entry
        entry = self._entries[key]
        if "refusal" in line or "result" in line:
            entry.answered = True
            entry.result, entry.refusal = line.get("result"), line.get("refusal")
        else:
            entry.times += 1
        return entry
