"""What a source of recordings is asked, and what it yields.

A source is a generator `recordings(place, files, report)`: it yields a `Found` for each recording,
sorted by key, and reports what it cannot use. It tells what tables and side-cars say of a
recording; the sound itself is looked at later, by many workers (`reading.py`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

SOUND = frozenset(
    (
        *(".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
        *(".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".rf64"),
    )
)
# Music that libsndfile cannot read: named as problems, so that nobody wonders where it went.
FOREIGN = frozenset(
    (
        *(".m4a", ".m4b", ".aac", ".mp4", ".wma", ".webm", ".ape", ".wv"),
        *(".mpc", ".mka", ".alac", ".ac3", ".dsf", ".amr"),
    )
)

Report = Callable[[str, str], None]  # (path, reason)


@dataclass(frozen=True)
class Options:
    """What a person says about a folder that cannot be seen in it."""

    kind: str = "auto"
    path_column: str | None = None
    caption_column: str | None = None
    audio: Path | None = None  # where the recordings of a table are, if not beside it
    unpack: Path | None = None  # where recordings from archives go: <manifest>.unpacked
    licence: str = ""  # of what does not name its own
    source: str = ""  # likewise
    works: Literal["auto", "folder", "file"] = "auto"  # what is one work where nothing names it


@dataclass(frozen=True)
class Told:
    """What words say of a recording. Adding another fills the gaps and unites the captions."""

    captions: tuple[str, ...] = ()
    labels: dict[str, Any] = field(default_factory=dict)
    work: str = ""
    licence: str = ""
    source: str = ""
    split: str = ""

    def __add__(self, other: "Told") -> "Told":
        tags = {**other.labels.get("tags", {}), **self.labels.get("tags", {})}
        return Told(
            captions=tuple(dict.fromkeys(self.captions + other.captions)),
            labels={**other.labels, **self.labels, **({"tags": tags} if tags else {})},
            work=self.work or other.work,
            licence=self.licence or other.licence,
            source=self.source or other.source,
            split=self.split or other.split,
        )

    def packed(self) -> dict[str, Any]:
        """Only what is known, for JSON."""
        return {name: value for name, value in vars(self).items() if value}

    @staticmethod
    def unpacked(row: dict[str, Any]) -> "Told":
        """The inverse of `packed`."""
        return Told(**(row | {"captions": tuple(row.get("captions", ()))}))


@dataclass(frozen=True)
class Found:
    """One recording. The key, its path below the folder scanned, never changes as that grows."""

    key: str
    path: str
    told: Told = Told()
    beside: tuple[str, ...] = ()  # side-cars, which are read together with the header


@dataclass(frozen=True)
class Place:
    """The folder that is scanned, what was said of it, and who may work on it."""

    root: Path
    options: Options
    unpack: Path
    own: Path  # the manifest: what is named after it is no source
    processes: int = 1
    cluster: str | None = None
    missing: list[str] = field(default_factory=list)  # recordings named somewhere but not there

    def key(self, path: str) -> str:
        """A path below (or beside) the folder, the same on every machine that it is copied to.

        Clips of a table that lie elsewhere are `.../name`, wherever that may be.
        """
        audio = self.options.audio and os.path.abspath(self.options.audio)
        if (
            audio
            and path.startswith(audio + os.sep)
            and not path.startswith(f"{self.root}{os.sep}")
        ):
            return ".../" + os.path.relpath(path, audio).replace(os.sep, "/")
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def workers(self) -> dict[str, Any]:
        """Arguments of `parallel.spread`."""
        cluster = {} if self.cluster is None else {"cluster": self.cluster}
        return {"processes": self.processes, **cluster}


def suffix(name: str) -> str:
    """The extension of a file name, small.

    >>> suffix("a/Song.WAV"), suffix("a.b/no extension")
    ('.wav', '')
    """
    _, dot, end = os.path.basename(name).rpartition(".")
    return (dot + end).lower() if dot else ""


def is_sound(name: str) -> bool:
    """Whether a file of this name is looked at as a recording."""
    return suffix(name) in SOUND


def printable(path: str) -> str:
    """A name that any terminal and any JSON file can hold, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
