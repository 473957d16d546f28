"""A manifest: one JSON line for each recording, with what is known about it.

Paths are stored relative to the manifest's own folder, so a corpus can be moved whole.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> clip = Clip(id="a", path=str(folder / "a.wav"), seconds=10.0, captions=("solo flute",))
>>> write_manifest(folder / "manifest.jsonl", [clip])
>>> read_manifest(folder / "manifest.jsonl") == [clip]
True
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from musiclm.checkpoint import atomic_path
from musiclm.errors import UserError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Clip:
    """One recording. `work` names the piece it is taken from: splits never divide a work."""

    id: str
    path: str
    seconds: float
    split: str = "train"
    work: str = ""
    source: str = ""
    licence: str = ""
    captions: tuple[str, ...] = ()
    labels: dict[str, Any] = field(default_factory=dict)


def split_of(work: str) -> str:
    """90 % train, 5 % valid, 5 % test; a work keeps its split however a corpus grows."""
    share = int(hashlib.sha256(work.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    return "train" if share < 0.90 else "valid" if share < 0.95 else "test"


def read_manifest(path: Path | str, split: str | None = None) -> list[Clip]:
    """All clips (of one split), with absolute paths; UserError names a bad line."""
    path = Path(path)
    if path.is_dir():
        path = path / "manifest.jsonl"
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise UserError(f"cannot read the manifest {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a manifest: it is not text ({error.reason})") from error
    clips = []
    # Not splitlines(): it also breaks at characters that JSON leaves within a string.
    for number, line in enumerate(text.split("\n") if text else (), start=1):
        try:
            row = json.loads(line)
            row["captions"] = tuple(row.get("captions", ()))
            row["path"] = str(path.parent.absolute() / row["path"])
            clip = Clip(**row)
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path}, line {number} is not a clip: {error}") from error
        if split is None or clip.split == split:
            clips.append(clip)
    return clips


def write_manifest(path: Path | str, clips: Iterable[Clip]) -> None:
    """Write all clips at once; paths are made relative to the manifest's folder."""
    path = Path(path)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for clip in clips:
            row = asdict(clip) | {"path": os.path.relpath(clip.path, path.parent.absolute())}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
