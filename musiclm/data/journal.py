"""What was read of each recording, one line each: a scan that is killed goes on where it was.

The file only grows while a scan runs. A line that a kill cut in two is dropped when it is opened
again, and a recording whose size or time of change differs from its stamp is read anew.

>>> import tempfile
>>> path = Path(tempfile.mkdtemp()) / "manifest.scan.jsonl"
>>> with Journal(path) as journal:
...     journal.add("a.wav", [48_044, 17], {"seconds": 1.0})
>>> with Journal(path) as journal:
...     journal.get("a.wav", [48_044, 17]), journal.get("a.wav", [48_044, 18])
({'seconds': 1.0}, None)
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from musiclm.checkpoint import atomic_path
from musiclm.errors import UserError

VERSION = 1  # of what a reader finds out: raise it when it would say something else
HEADER = json.dumps(["musiclm scan", VERSION]).encode() + b"\n"


class Journal:
    """Records by key. In memory: a key and a place in the file for each."""

    def __init__(self, path: Path):
        self.path = path
        self._places: dict[str, int] = {}
        self._lines = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            self._reader = path.open("rb")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error
        self._end = self._load()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._reader.close()

    def get(self, key: str, stamp: list[int]) -> dict[str, Any] | None:
        """What is known of a file in just this state."""
        place = self._places.get(key)
        if place is None:
            return None
        self._reader.seek(place)
        _, known, record = json.loads(self._reader.readline())
        return record if known == stamp else None

    def add(self, key: str, stamp: list[int], record: dict[str, Any]) -> None:
        """Note at once, in one write: nothing waits in memory for a kill to lose it."""
        line = json.dumps([key, stamp, record], ensure_ascii=False).encode() + b"\n"
        self._file.write(line)
        self._places[key] = self._end
        self._end += len(line)
        self._lines += 1

    def keep(self, keys: Iterable[str], count: int) -> None:
        """Write the file anew with these `count` keys alone, if there is anything else in it."""
        if self._lines == count and len(self._places) == count:
            return
        with atomic_path(self.path) as temporary, temporary.open("wb") as file:
            file.write(HEADER)
            for key in keys:
                self._reader.seek(self._places[key])
                file.write(self._reader.readline())

    def _load(self) -> int:
        if self._reader.readline() != HEADER:  # empty, cut, or of another version
            self._file.truncate(0)
            self._file.write(HEADER)
            return len(HEADER)
        place = len(HEADER)
        for line in self._reader:
            if not line.endswith(b"\n"):
                break
            try:
                key, _, _ = json.loads(line)
                self._places[key] = place
            except (ValueError, TypeError):
                pass  # a disk that lost power may leave holes; its file is read again
            place += len(line)
            self._lines += 1
        if place < os.path.getsize(self.path):
            self._file.truncate(place)
        return place
