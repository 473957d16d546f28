"""Tables that name recordings: CSV, TSV, audiocraft's JSON lines, metadata of audiofolders.

Rows of one recording become one: a recording may have several captions. Paths of another machine
are looked for by their last parts below the table's folder.
"""

import csv
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from musiclm.data.sources import columnar
from musiclm.data.sources.fields import PATHS, clean, pick, told_by
from musiclm.data.sources.found import SOUND, Found, Place, Report, is_sound, suffix
from musiclm.data.sources.tree import beside
from musiclm.errors import UserError

ENDS = (".csv", ".tsv", ".jsonl", ".jsonl.gz")
FAULTS = (OSError, EOFError, ValueError, csv.Error)


def recordings(place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """All recordings that the tables name; those that are not there are counted as missing."""
    merged: dict[str, Found] = {}
    for file in files:
        column, bases = _path_column(place, file), _bases(place, file)
        for number, row in rows(place, file, report):
            given = row.get(column)
            if not isinstance(given, str) or not given.strip():
                report(f"{place.key(str(file))}, row {number}", f"has no {column}")
                continue
            path = find(bases, given.strip())
            if path is None:
                place.missing.append(f"{place.key(str(file))}, row {number}: {clean(given)}")
                continue
            found = _found(place, path, row, column)
            before = merged.get(found.key)
            merged[found.key] = found if before is None else _united(before, found)
    yield from (merged[key] for key in sorted(merged))


def rows(place: Place, file: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, row) of a table; what cannot be read is reported."""
    name = place.key(str(file))
    try:
        for number, row in enumerate(_rows(file), 1):
            if isinstance(row, dict):
                yield number, row
            else:
                report(f"{name}, row {number}", "is not an object in JSON")
    except UnicodeDecodeError:
        report(name, "is not text in UTF-8")
    except FAULTS as error:
        report(name, f"is damaged: {clean(str(error))}")


def columns(file: Path) -> list[str]:
    """The names in a table's head, or in its first row of JSON; none if it is no table."""
    try:
        first = next(_rows(file, head=True), None)
    except FAULTS:
        return []
    return [name for name in first if isinstance(name, str)] if isinstance(first, dict) else []


def find(bases: list[Path], given: str) -> str | None:
    """The file that a table means: as written, without folders of another machine, or by stem."""
    parts = [part for part in given.replace("\\", "/").split("/") if part not in ("", ".")]
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    if given.startswith("/"):
        tails.insert(0, given)
    for tail in tails:
        for base in bases:
            path = os.path.normpath(base / tail)
            if os.path.isfile(path):
                return path
            if not is_sound(tail):
                ends = (path + end for end in sorted(SOUND))
                if whole := next((each for each in ends if os.path.isfile(each)), None):
                    return whole
    return None


def _rows(file: Path, head: bool = False) -> Iterator[Any]:
    """Rows as dicts, other JSON as it is, None for what is no JSON; `head`: one is enough."""
    if file.name.endswith((".jsonl", ".jsonl.gz")):
        opener = gzip.open if suffix(file.name) == ".gz" else open
        with opener(file, "rt", encoding="utf-8-sig") as lines:
            for line in lines:
                if line.strip():
                    yield _json(line)
        return
    if file.suffix == ".parquet":
        yield from columnar.rows(file)
        return
    csv.field_size_limit(1 << 30)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = lines.readline()
        lines.seek(0)
        # With a rest key, rows that are longer than the head (Jamendo's tags) lose nothing.
        reader = csv.DictReader(lines, delimiter=_delimiter(first), restkey="\n")
        if head:
            yield dict.fromkeys(reader.fieldnames or ())
        for row in reader:
            rest = row.pop("\n", None)
            if rest and reader.fieldnames:
                row[reader.fieldnames[-1]] = [row[reader.fieldnames[-1]], *rest]
            yield row


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _delimiter(head: str) -> str:
    return max("\t;|,", key=lambda mark: (head.count(mark), mark == ","))


def _path_column(place: Place, file: Path) -> str:
    asked, names = place.options.path_column, columns(file)
    column = pick(names, PATHS) if asked is None else asked
    if column is None or column not in names:
        wanted = f"named {asked}" if asked else f"of paths (such as {', '.join(PATHS[:4])})"
        there = ", ".join(names) or "none"
        raise UserError(f"{file} has no column {wanted}; its columns are {there}")
    caption = place.options.caption_column
    if caption is not None and caption not in names:
        raise UserError(f"{file} has no column named {caption}; its columns are {', '.join(names)}")
    return column


def _bases(place: Place, file: Path) -> list[Path]:
    named = [place.options.audio] if place.options.audio else []
    return [base.absolute() for base in (*named, file.parent, place.root)]


def _found(place: Place, path: str, row: dict[str, Any], column: str) -> Found:
    told = told_by({k: v for k, v in row.items() if k != column}, place.options.caption_column)
    cars = beside(path)
    info = row.get("info_path")  # audiocraft's name for the side-car
    if isinstance(info, str) and (car := find([Path(path).parent], info)) is not None:
        cars = tuple(dict.fromkeys((*cars, car)))
    return Found(place.key(path), path, told, cars)


def _united(one: Found, other: Found) -> Found:
    return Found(one.key, one.path, one.told + other.told, one.beside)
