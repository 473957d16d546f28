"""Recordings out of archives into files: each archive a folder, with a list of what it held.

The list is written last, so a folder without one is unpacked again, and a folder whose list has
the archive's size and time of change is taken as it is.
"""

import heapq
import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from musiclm.data.parallel import spread
from musiclm.data.sources.found import Found, Place, Report, Told, is_sound, printable
from musiclm.data.sources.tree import UNPACKED, beside

BEGINNINGS = {
    b"RIFF": ".wav",
    b"RF64": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"FORM": ".aiff",
    b"ID3": ".mp3",
}


class Member(NamedTuple):
    """One recording of an archive. Its sound: bytes, an open file, or the Path of one outside."""

    name: str
    sound: Any
    told: Told


class Fault(NamedTuple):
    """Something in an archive that cannot be used; no name: the archive itself."""

    name: str
    reason: str


Opener = Callable[[Path], Iterator[Member | Fault]]


def recordings(opener: Opener, place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """Unpack all archives that are not unpacked yet, then tell what they held."""
    # As folders they are sorted by whole paths, and none holds another.
    tasks = sorted(((place.key(str(file)), str(file)) for file in files), key=_as_folder)
    lists = list(
        spread(partial(_unpacker, opener, place.unpack), tasks, chunk=1, **place.workers())
    )
    shards = [(key, Path(rows)) for (key, _), rows in zip(tasks, lists, strict=True)]
    outside = []
    for key, rows in shards:
        for name, *row in _lines(rows):
            if len(row) == 1:
                report(f"{key}/{printable(name)}" if name else key, row[0])
            elif row[1] is not None:
                outside.append(Found(place.key(row[1]), row[1], Told.unpacked(row[0])))
    inside = (
        Found(f"{key}/{name}", str(rows.parent / name), Told.unpacked(row[0]))
        for key, rows in shards
        for name, *row in _lines(rows)
        if len(row) == 2 and row[1] is None
    )
    there = (replace(found, beside=beside(found.path)) for found in sorted(outside, key=_key))
    yield from heapq.merge(inside, there, key=_key)


def _as_folder(task: tuple[str, str]) -> str:
    return task[0] + "/"


def _key(found: Found) -> str:
    return found.key


def sound_suffix(data: bytes, name: str) -> str:
    """The extension that sound in memory should have: by its name, else by how it begins."""
    if is_sound(name):
        return "." + name.rpartition(".")[2].lower()
    if len(data) > 1 and data[0] == 0xFF and data[1] >= 0xE0:  # a frame of MPEG
        return ".mp3"
    return next((end for start, end in BEGINNINGS.items() if data.startswith(start)), ".wav")


def _unpacker(opener: Opener, into: Path) -> Callable[[tuple[str, str]], str]:
    return partial(_unpack, opener, into)


def _unpack(opener: Opener, into: Path, task: tuple[str, str]) -> str:
    key, archive = task
    folder = into / key.replace("../", "up/")
    rows = folder / UNPACKED
    status = os.stat(archive)
    stamp = [status.st_size, status.st_mtime_ns]
    if _head(rows) == stamp:
        return str(rows)
    folder.mkdir(parents=True, exist_ok=True)
    lines: dict[str, list[Any]] = {}
    for member in opener(Path(archive)):
        row = _write(folder, lines, member, status.st_mtime_ns)
        lines.setdefault(row[0], row)
    temporary = folder / (UNPACKED + ".part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(stamp) + "\n")
        for name in sorted(lines):
            file.write(json.dumps(lines[name]) + "\n")
    temporary.replace(rows)
    return str(rows)


def _write(
    folder: Path, before: dict[str, list[Any]], member: Member | Fault, time: int
) -> list[Any]:
    """The line of one member: [name, told, path or null], or [name, reason]."""
    if isinstance(member, Fault):
        return list(member)
    name, sound, told = member
    parts = name.split("/")
    if name in before:
        return [f"{name} (again)", "a second recording of this name in one archive"]
    if isinstance(sound, Path):
        return [name, told.packed(), str(sound)]
    if name.startswith("/") or ".." in parts or UNPACKED in parts or "\0" in name:
        return [name, "its name leads out of the archive"]
    target, temporary = folder / name, folder / (UNPACKED + ".sound")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            if isinstance(sound, bytes):
                file.write(sound)
            else:
                shutil.copyfileobj(sound, file, 1 << 20)
        os.utime(temporary, ns=(time, time))  # unpacked again, it is the same: nothing is reread
        temporary.replace(target)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        return [name, f"cannot be unpacked: {getattr(error, 'strerror', None) or error}"]
    return [name, told.packed(), None]


def _head(rows: Path) -> list[int] | None:
    try:
        with rows.open(encoding="utf-8") as file:
            return json.loads(file.readline())
    except (OSError, ValueError):
        return None


def _lines(rows: Path) -> Iterator[list[Any]]:
    with rows.open(encoding="utf-8") as file:
        file.readline()
        yield from map(json.loads, file)
