"""A folder tree of sound files, with captions from side-cars: `clip.txt` or `clip.json`.

The walk goes in the order of whole paths, so that a manifest can be written as a stream. It
enters each real folder once: links that lead back are reported, not followed.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from musiclm.data.sources.found import (
    FOREIGN,
    Found,
    Place,
    Report,
    is_sound,
    printable,
    suffix,
)

SIDECARS = (".txt", ".json")
UNPACKED = ".unpacked.jsonl"  # in each folder that we unpacked: nobody's own recordings


def recordings(place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """All sound files below the folder."""
    seen: set[tuple[int, int]] = set()
    for key, path, names in walk(place.root, {_real(place.unpack)}, report, seen):
        if is_sound(path):
            yield Found(key, path, beside=beside(path, names))
        elif suffix(path) in FOREIGN:
            report(key, f"{suffix(path)} files cannot be read: convert it to FLAC or MP3")


def beside(path: str, names: frozenset[str] | None = None) -> tuple[str, ...]:
    """The side-cars of a sound file; `names` are those in its folder, if that was listed."""
    stem = path.rpartition(".")[0]
    cars = (stem + end for end in SIDECARS)
    if names is None:
        return tuple(car for car in cars if os.path.isfile(car))
    return tuple(car for car in cars if os.path.basename(car) in names)


def walk(
    root: Path, skipped: set[str], report: Report, seen: set[tuple[int, int]]
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """(key, path, names in its folder) of every file, sorted by key, without recursion."""
    top = os.path.realpath(root)
    stack = [iter(_listing(str(root), "", report, seen))]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        key, path, names, is_folder = step
        if not is_folder:
            yield key, path, names
        elif _enters(key, path, top, skipped, report):
            stack.append(iter(_listing(path, key + "/", report, seen)))


def _enters(key: str, path: str, top: str, skipped: set[str], report: Report) -> bool:
    real = _real(path)
    if real in skipped:
        return False
    if os.path.islink(path) and (real == top or real.startswith(top + os.sep)):
        report(key, "a link to a folder that is scanned by its own name")
        return False
    return True


def _listing(
    folder: str, prefix: str, report: Report, seen: set[tuple[int, int]]
) -> Iterator[tuple[str, str, frozenset[str], bool]]:
    """What is in one folder, sorted as whole paths are: a folder by its name and a slash."""
    try:
        with os.scandir(folder) as listing:
            entries = [(entry.name + "/" * _is_folder(entry), entry.path) for entry in listing]
        status = os.stat(folder)
    except OSError as error:
        report(printable(prefix.rstrip("/")) or ".", f"folder cannot be read: {error.strerror}")
        return
    if (status.st_dev, status.st_ino) in seen:
        report(printable(prefix.rstrip("/")), "a link to a folder that was scanned already")
        return
    seen.add((status.st_dev, status.st_ino))
    names = frozenset(name for name, _ in entries)
    if UNPACKED in names:
        return
    for name, path in sorted(entries):
        yield prefix + name.rstrip("/"), path, names, name.endswith("/")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a ring of links; it is reported when it is opened, if it is called a sound
        return False


def _real(path: Path | str) -> str:
    return os.path.realpath(path)
