"""What a worker does with one recording: its header, its tags and its side-cars. No PyTorch here.

The result is plain JSON: it goes into the journal of the scan (`musiclm/data/journal.py`).
"""

import codecs
import json
import os
from collections.abc import Callable
from typing import Any

import soundfile

from musiclm.data.sources.fields import album, clean, told_by
from musiclm.data.sources.found import Told, suffix

LONGEST = 1 << 16  # bytes of a side-car: beyond that it is no caption
UNKNOWN = 1 << 40  # frames: libsndfile's way to say that the header does not tell

Task = tuple[str, tuple[str, ...]]  # a sound file and its side-cars


def reader() -> Callable[[Task], dict[str, Any]]:
    """For `parallel.spread`."""
    return read


def read(task: Task) -> dict[str, Any]:
    """Either {"problem"} or {"seconds", "told"}, and "notes" on side-cars that are no text."""
    path, sidecars = task
    told, notes = Told(), []
    for sidecar in sidecars:
        more, note = read_sidecar(sidecar)
        told += more
        notes += [[os.path.basename(sidecar), note]] if note else []
    record = read_header(path)
    if "tags" in record:
        told += _told_by_tags(record.pop("tags"))
    return record | {"told": told.packed()} | ({"notes": notes} if notes else {})


def read_header(path: str) -> dict[str, Any]:
    """{"seconds", "tags"} or {"problem"}; the sound itself is left to `data check`."""
    try:
        if not os.path.getsize(path):
            return {"problem": "the file is empty"}
        with soundfile.SoundFile(path) as file:
            frames, rate = file.frames, file.samplerate
            tags = {name: getattr(file, name) for name in ("album", "artist", "title", "license")}
    except soundfile.LibsndfileError as error:
        return {"problem": f"cannot be read as sound: {clean(error.error_string)}"}
    except OSError as error:
        return {"problem": f"cannot be read: {error.strerror}"}
    except (TypeError, ValueError, UnicodeError, RuntimeError) as error:
        return {"problem": f"cannot be read as sound: {clean(str(error))}"}
    if frames < 1:
        return {"problem": "the file holds no sound"}
    if frames > UNKNOWN or rate < 1:
        return {"problem": "its header does not tell its length: write the file anew"}
    tags = {name: text for name, value in tags.items() if (text := clean(value or ""))}
    return {"seconds": frames / rate} | ({"tags": tags} if tags else {})


def read_sidecar(path: str) -> tuple[Told, str]:
    """What a side-car tells, and why it tells nothing if it is damaged."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        return Told(), f"cannot be read: {error.strerror}"
    return told_by_sidecar(path, data)


def told_by_sidecar(name: str, data: bytes) -> tuple[Told, str]:
    """What the content of a side-car tells; the name says whether it is JSON."""
    if len(data) > LONGEST:
        return Told(), f"is longer than a caption can be ({LONGEST} bytes)"
    text = decode(data)
    if text is None:
        return Told(), "is not text in UTF-8"
    return told_by_json(text) if suffix(name) == ".json" else (Told(told_by_text(text)), "")


def decode(data: bytes) -> str | None:
    """Text in UTF-8, or in UTF-16 if it says so; None if it is something else."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def told_by_text(text: str) -> tuple[str, ...]:
    r"""Captions of a text file: paragraphs. Lines within one are joined, as a mail would be.

    >>> told_by_text("Calm piano,\nslow.\n\nA lullaby.\n")
    ('Calm piano, slow.', 'A lullaby.')
    """
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip():
            paragraphs[-1].append(line)
        else:
            paragraphs.append([])
    captions = (clean(" ".join(lines)) for lines in paragraphs)
    return tuple(dict.fromkeys(caption for caption in captions if caption))


def told_by_json(text: str) -> tuple[Told, str]:
    """An object of named fields, or captions alone: a string, or a list of strings."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Told(), "is not whole JSON"
    if isinstance(value, (str, list)):
        value = {"captions": value}
    if not isinstance(value, dict):
        return Told(), "is JSON, but says nothing of a recording"
    return told_by(value), ""


def _told_by_tags(tags: dict[str, str]) -> Told:
    names = {name: tags[name] for name in ("artist", "album", "title") if name in tags}
    return Told(
        labels={"tags": names} if names else {},
        work=album(tags.get("artist", ""), tags.get("album", "")),
        licence=tags.get("license", ""),
    )
