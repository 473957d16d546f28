"""Hugging Face `datasets`: arrow files of `save_to_disk`, parquet shards, and audiofolders.

An `Audio` column is a struct of bytes and path; bytes are unpacked into files of their own, all
other columns tell of the recording. Audiofolders are tables (`metadata.csv`, `.jsonl` or
`.parquet` with a column `file_name`).
"""

import heapq
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from musiclm.data.sources import tables, unpack
from musiclm.data.sources.columnar import pyarrow_for, rows
from musiclm.data.sources.fields import PATHS, clean, pick, told_by
from musiclm.data.sources.found import Found, Place, Report
from musiclm.data.sources.unpack import Fault, Member, sound_suffix

ENDS = (".arrow", ".parquet")


def recordings(place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """What all shards hold and all tables name."""
    shards = [file for file in files if file.suffix in ENDS and not is_table(file)]
    opener = partial(members, caption_column=place.options.caption_column)
    yield from heapq.merge(
        unpack.recordings(opener, place, shards, report),
        tables.recordings(place, [file for file in files if file not in shards], report),
        key=lambda found: found.key,
    )


def is_table(path: Path) -> bool:
    """Whether a parquet file names recordings, and does not hold them."""
    if path.suffix != ".parquet":
        return False
    arrow = pyarrow_for(path)
    try:
        schema = arrow.parquet.read_schema(path)
    except (arrow.ArrowException, OSError):
        return False
    return _column(arrow, schema) is None and pick(schema.names, PATHS) is not None


def members(path: Path, caption_column: str | None = None) -> Iterator[Member | Fault]:
    """The recordings of one shard; a row is named by its own path, else by its number."""
    arrow = pyarrow_for(path)
    column, names, count = None, set[str](), 0
    try:
        for number, row in enumerate(rows(path)):
            column = column or next((name for name in row if _is_audio(row[name])), None)
            if column is None:
                continue
            audio, told = row.pop(column), told_by(row, caption_column)
            data, given = (audio, "") if isinstance(audio, bytes) else _audio(audio)
            count += 1
            if data is None:
                row_name = f"row {number}"
                outside = Member(row_name, path.parent / given, told)
                yield outside if given else Fault(row_name, "has neither bytes nor a path")
                continue
            name = os.path.basename(given.replace("\\", "/"))
            stem = name.rpartition(".")[0] or name
            name = f"{stem or f'{number:06d}'}{sound_suffix(data, name)}"
            if name in names:
                name = f"{number:06d}-{name}"
            names.add(name)
            yield Member(name, data, told)
    except (arrow.ArrowException, OSError, EOFError) as error:
        reason = clean(str(error))[:200]
        yield Fault("", f"damaged after {count} recordings: {reason}")
    else:
        if not count:
            yield Fault("", "has no column of sound (a struct of bytes and path)")


def licence_of(folder: Path) -> str:
    """The licence that a data set's card (README.md) or dataset_info.json names, if any."""
    try:
        card = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:10_000]
        if card.startswith("---") and (
            match := re.search(r"^licen[sc]e:\s*['\"]?([\w.+-]+)", card.split("\n---")[0], re.M)
        ):
            return match[1]
    except OSError:
        pass
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        return clean(str(info.get("license") or "")) if isinstance(info, dict) else ""
    except (OSError, ValueError):
        return ""


def _is_audio(value: Any) -> bool:
    if isinstance(value, Mapping) and "bytes" in value:
        return bool(value["bytes"] or value.get("path"))
    return isinstance(value, bytes)


def _audio(value: Mapping[str, Any]) -> tuple[bytes | None, str]:
    return value["bytes"] or None, str(value.get("path") or "")


def _column(arrow: Any, schema: Any) -> str | None:
    """The column that holds sound."""
    for field in schema:
        kind = field.type
        if arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind):
            return field.name
        if arrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return field.name
    return None
