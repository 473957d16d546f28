"""The MusicCaps table (ytid, start_s, aspect_list, caption) with a folder of its clips.

The clips are YouTube's, so everyone has some, named by some tool: `ytid.wav`, `ytid_30.wav`,
`[ytid]-[30-40].wav`, `Title [ytid].mp3`, `ytid_30000_40000.flac`. A name with another start is
another excerpt. Rows without a clip are counted as missing.

>>> numbers_after("-0Gj8-vB1q4]-[30-40]_16k", 11)
(30.0, 40.0)
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musiclm.data.sources.fields import told_by
from musiclm.data.sources.found import Found, Place, Report, Told, is_sound
from musiclm.data.sources.tables import rows
from musiclm.data.sources.tree import beside, walk

COLUMNS = frozenset(("ytid", "start_s", "caption"))
LICENCE = "CC-BY-SA-4.0"  # of the captions; the sound is its makers'
LENGTH = 11  # characters of a ytid

Rows = dict[str, dict[float, Told]]  # by ytid and start


def recordings(place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """The clips that are there."""
    wanted: Rows = {}
    for file in files:
        for number, row in rows(place, file, report):
            try:
                starts = wanted.setdefault(str(row["ytid"]), {})
                starts[float(row["start_s"])] = _told(row)
            except (KeyError, TypeError, ValueError):
                report(f"{place.key(str(file))}, row {number}", "has no ytid, or no start")
    met: set[tuple[str, float]] = set()
    found: dict[str, Found] = {}
    folder = (place.options.audio or place.root).absolute()
    skipped = {os.path.realpath(place.unpack)}
    for _, path, names in walk(folder, skipped, report, set()):
        if not is_sound(path):
            continue
        key, means = place.key(path), match(os.path.basename(path).rpartition(".")[0], wanted)
        if means is not None:
            met.add(means)
            found[key] = Found(key, path, wanted[means[0]][means[1]], beside(path, names))
        elif place.options.audio:
            report(key, "no row of the table is for this clip")
    place.missing.extend(
        f"{ytid} from {start:g} s"
        for ytid, starts in wanted.items()
        for start in starts
        if (ytid, start) not in met
    )
    yield from (found[key] for key in sorted(found))


def match(stem: str, wanted: Rows) -> tuple[str, float] | None:
    """The row that a file name means: a ytid that is in the table, and its start if it has one."""
    for place in range(len(stem) - LENGTH + 1):
        ytid = stem[place : place + LENGTH]
        if ytid not in wanted:
            continue
        starts = wanted[ytid]
        numbers = numbers_after(stem, place + LENGTH)
        if not numbers:
            return (ytid, next(iter(starts))) if len(starts) == 1 else None
        for start in (numbers[0], numbers[0] / 1000):
            if start in starts:
                return ytid, start
    return None


def numbers_after(stem: str, place: int) -> tuple[float, ...]:
    """Up to two numbers, set off by brackets, dashes, underscores: a start and an end."""
    match = re.match(
        r"[\])]?[\s_\-.\[(]*(?:start)?(\d+(?:\.\d+)?)s?(?:[\s_\-.]+(\d+(?:\.\d+)?)s?)?(?![A-Za-z\d])",
        stem[place:],
    )
    return tuple(float(number) for number in match.groups() if number) if match else ()


def _told(row: dict[str, Any]) -> Told:
    told = told_by({name: row.get(name) for name in ("caption", "aspect_list")})
    excerpt = {"ytid": row["ytid"], "start": float(row["start_s"])}
    return told + Told(
        labels={"caption_licence": LICENCE, "musiccaps": excerpt},
        work=str(row["ytid"]),
    )
