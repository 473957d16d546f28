"""Any folder of music -> a manifest: `musiclm data scan DIR -o manifest.jsonl`.

What is found, of whatever kind (`sources/kinds.py`), goes through four steps, each a stream, so
that millions of files are never in memory at once:

    find   every recording and its stamp (sizes, times of change), sorted by path, into a spool
    read   headers and side-cars of those that the journal does not know, by many workers
    split  by work: a split that the folder gives is kept, unless it divides a work
    write  the manifest, whole or not at all

Beside `manifest.jsonl` lie `manifest.scan.jsonl`, the journal by which a scan that was killed goes
on and a folder that grew is scanned quickly, and `manifest.problems.jsonl`: all that is not in the
manifest, and why. A recording is in one of the two, or is counted as missing.

    scan(Path("music"), Path("music/manifest.jsonl"), Options(licence="CC-BY-4.0"), processes=4)
"""

import heapq
import json
import os
import stat
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from musiclm.checkpoint import atomic_path
from musiclm.data.journal import Journal
from musiclm.data.manifest import SPLITS, Clip, split_of, write_manifest
from musiclm.data.parallel import spread
from musiclm.data.sources.arrow import licence_of
from musiclm.data.sources.found import Found, Options, Place, Report, Told, printable
from musiclm.data.sources.kinds import KINDS, LOOKED_FOR, survey
from musiclm.data.sources.reading import reader
from musiclm.data.sources.works import clip_id, folder_split, guess_work
from musiclm.errors import UserError

JOURNAL, PROBLEMS, UNPACKED = ".scan.jsonl", ".problems.jsonl", ".unpacked"  # beside the manifest

Progress = Callable[[int], None]


@dataclass
class Scan:
    """What a scan found; `seconds` of sound, `captioned` clips, `problems` as (path, reason)."""

    manifest: Path
    kind: str
    clips: int = 0
    seconds: float = 0.0
    captioned: int = 0
    works: int = 0
    by_split: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    problems: list[tuple[str, str]] = field(default_factory=list)
    missing: int = 0  # recordings that a table names and nobody has
    divided: int = 0  # works that the given splits divide: their splits are drawn anew
    read: int = 0  # files that this scan opened: all others were known


def scan(
    folder: Path,
    output: Path,
    options: Options | None = None,
    *,
    processes: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Write the manifest of all recordings in `folder` (or in one table or archive) to `output`.

    `progress` is called with the number of recordings done since its last call.
    """
    options = options or Options()
    place = _place(folder, output, options, processes, cluster)
    sources = survey(place, folder)
    result = Scan(place.own, "+".join(sources))
    problems: set[tuple[str, str]] = set()
    with Spool(place.own.parent) as spool:
        _find(place, sources, spool, lambda path, reason: problems.add((path, reason)))
        result.missing = len(place.missing)
        if not spool.count:
            raise _nothing(folder, place, problems)
        with Journal(place.own.with_suffix(JOURNAL)) as journal:
            result.read = _read(spool, journal, place, progress or (lambda done: None))
            splits = _split(_records(spool, journal), options, problems)
            if not splits:
                raise _nothing(folder, place, problems)
            licence = options.licence or licence_of(place.root)
            told = replace(options, licence=licence)
            clips = (
                _clip(found, record, told, splits)
                for found, record in _records(spool, journal)
                if "seconds" in record
            )
            result.problems = _write_problems(place, problems)
            write_manifest(place.own, _counted(clips, result))
            journal.keep((found.key for found, _ in spool), spool.count)
    result.works = len(splits)
    result.divided = sum(split is None for split in splits.values())
    return result


class Spool:
    """Recordings with their stamps, in a file without a name: a kill leaves nothing behind."""

    def __init__(self, folder: Path):
        self.count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115
        except OSError as error:
            raise UserError(f"cannot write in {folder}: {error.strerror}") from error

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, found: Found, stamp: list[int]) -> None:
        """Only before the first look."""
        row = [found.key, found.path, found.told.packed(), found.beside, stamp]
        self._file.write(json.dumps(row) + "\n")
        self.count += 1

    def __iter__(self) -> Iterator[tuple[Found, list[int]]]:
        """All of them; one look at a time."""
        self._file.seek(0)
        for line in self._file:
            key, path, told, beside, stamp = json.loads(line)
            yield Found(key, path, Told.unpacked(told), tuple(beside)), stamp


def _place(
    folder: Path, output: Path, options: Options, processes: int, cluster: str | None
) -> Place:
    if not folder.exists():
        raise UserError(f"no such folder: {folder}")
    if options.audio is not None and not options.audio.is_dir():
        raise UserError(f"no such folder of clips: {options.audio}")
    if options.works not in ("auto", "folder", "file"):
        raise UserError(f"no such rule for works: {options.works}; there are auto, folder, file")
    output = output / "manifest.jsonl" if output.is_dir() else output
    if output.suffix != ".jsonl":
        raise UserError(f"a manifest is a file of JSON lines: name it {output.stem}.jsonl")
    own = Path(os.path.abspath(output))
    if own.exists() and not own.with_suffix(JOURNAL).exists():
        raise UserError(f"{output} exists and no scan has made it: name another, or remove it")
    root = Path(os.path.abspath(folder if folder.is_dir() else folder.parent))
    unpack = Path(os.path.abspath(options.unpack or own.with_suffix(UNPACKED)))
    return Place(root, options, unpack, own, processes, cluster)


def _find(place: Place, sources: dict[str, list[Path]], spool: Spool, report: Report) -> None:
    """Spool what all sources yield, sorted, each recording once with all that is told of it."""
    streams = [KINDS[kind](place, files, report) for kind, files in sources.items()]
    merged = heapq.merge(*streams, key=lambda found: found.key)
    for _, same in groupby(merged, key=lambda found: found.key):
        found, *others = same
        for other in others:
            beside = tuple(dict.fromkeys(found.beside + other.beside))
            found = replace(found, told=found.told + other.told, beside=beside)
        stamp = _stamp(found)
        if isinstance(stamp, str):
            report(printable(found.key), stamp)
        else:
            spool.add(found, stamp)


def _stamp(found: Found) -> list[int] | str:
    """Size and time of change of the sound and of its side-cars, or why there is no such file."""
    if printable(found.key) != found.key:
        return "its name is not UTF-8"
    try:
        status = os.stat(found.path)
    except OSError as error:
        link = "a link to nothing" if os.path.islink(found.path) else "cannot be read"
        return f"{link}: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "not an ordinary file"
    stamp = [status.st_size, status.st_mtime_ns]
    for sidecar in found.beside:
        try:
            status = os.stat(sidecar)
            stamp += [status.st_size, status.st_mtime_ns]
        except OSError:  # its reader will say why
            stamp += [-1, -1]
    return stamp


def _read(spool: Spool, journal: Journal, place: Place, progress: Progress) -> int:
    """Read what the journal does not know; how many that were."""
    sent: deque[tuple[str, list[int]]] = deque()  # results come in the order of the tasks
    count = 0

    def unknown() -> Iterator[tuple[str, tuple[str, ...]]]:
        for found, stamp in spool:
            if journal.get(found.key, stamp) is None:
                sent.append((found.key, stamp))
                yield found.path, found.beside
            else:
                progress(1)

    for record in spread(reader, unknown(), **place.workers()):
        journal.add(*sent.popleft(), record)
        progress(1)
        count += 1
    return count


def _records(spool: Spool, journal: Journal) -> Iterator[tuple[Found, dict[str, Any]]]:
    for found, stamp in spool:
        record = journal.get(found.key, stamp)
        assert record is not None, f"{found.key} was not read"
        yield found, record


def _split(
    records: Iterable[tuple[Found, dict[str, Any]]],
    options: Options,
    problems: set[tuple[str, str]],
) -> dict[str, str | None]:
    """Each work's given split: "" if none is given, None if several are, which would divide it."""
    splits: dict[str, str | None] = {}
    for found, record in records:
        folder = found.key.rpartition("/")[0]
        for name, note in record.get("notes", ()):
            problems.add((f"{folder}/{name}" if folder else name, note))
        if "problem" in record:
            problems.add((found.key, record["problem"]))
            continue
        work, given = _work(found, _told(found, record), options)
        before = splits.get(work, "")
        splits[work] = before if not given else given if before in ("", given) else None
    return splits


def _told(found: Found, record: dict[str, Any]) -> Told:
    return found.told + Told.unpacked(record["told"])


def _work(found: Found, told: Told, options: Options) -> tuple[str, str]:
    """The work of a recording, and the split that its folder or table gives it.

    A work that is only guessed never stands against a split that is given: it ends at the split.
    """
    given = told.split or folder_split(found.key)
    if told.work and options.works == "auto":
        return told.work, given
    guess = guess_work(found.key, options.works)
    return (f"{given}: {guess}" if given else guess), given


def _clip(
    found: Found, record: dict[str, Any], options: Options, splits: dict[str, str | None]
) -> Clip:
    told = _told(found, record)
    work, _ = _work(found, told, options)
    return Clip(
        id=clip_id(found.key),
        path=found.path,
        seconds=record["seconds"],
        split=splits[work] or split_of(work),
        work=work,
        source=told.source or options.source,
        licence=told.licence or options.licence,
        captions=told.captions,
        labels=told.labels,
    )


def _counted(clips: Iterable[Clip], result: Scan) -> Iterator[Clip]:
    for clip in clips:
        result.clips += 1
        result.seconds += clip.seconds
        result.captioned += bool(clip.captions)
        result.by_split[clip.split] += 1
        yield clip


def _write_problems(place: Place, problems: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """All that is not in the manifest: what cannot be used, then what is missing."""
    ordered = sorted(problems)
    missing = [(row, "missing: named, but there is no such file") for row in place.missing]
    target = place.own.with_suffix(PROBLEMS)
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        for path, reason in (*ordered, *missing):
            row = {"path": printable(path), "reason": reason}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return ordered


def _nothing(folder: Path, place: Place, problems: set[tuple[str, str]]) -> UserError:
    if not problems and not place.missing:
        return UserError(f"{folder} holds no recordings: looked for {LOOKED_FOR}")
    _write_problems(place, problems)
    if not problems:
        count = len(place.missing)
        return UserError(
            f"none of the {count} recordings that {folder} names is there: {place.missing[0]}"
        )
    path, reason = min(problems)
    return UserError(
        f"no recording of {folder} can be used; {len(problems)} problems, such as {path}: {reason}"
    )
