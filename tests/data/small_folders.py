"""Small sound files and archives of them, and a scan that is looked at as a whole."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import soundfile

from musiclm.data.manifest import Clip, read_manifest
from musiclm.data.scan import Scan, scan
from musiclm.data.sources.found import Options, suffix

RATE = 8_000


def sound(path: Path, seconds: float = 0.25, seed: int = 0, **tags: str) -> Path:
    """A short file of the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".oga": "OGG", ".aif": "AIFF", ".wave": "WAV"}.get(suffix(path.name))
    wave = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    with soundfile.SoundFile(
        path, "w", RATE, 1, format=kind or suffix(path.name)[1:].upper()
    ) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        file.write(wave)
    return path


def scanned(folder: Path, output: Path, **options: object) -> tuple[Scan, dict[str, Clip]]:
    """The result, and the clips by their path below the folder."""
    result = scan(folder, output, Options(**options))  # type: ignore[arg-type]
    root = folder if folder.is_dir() else folder.parent
    rows = {os.path.relpath(clip.path, root): clip for clip in read_manifest(output)}
    assert len(rows) == result.clips == len({clip.id for clip in rows.values()})
    assert all(os.path.isfile(clip.path) for clip in rows.values())
    return result, rows


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
