"""WebDataset: tar files in which `key.flac` is followed or preceded by `key.txt` and `key.json`.

A recording is told of by the files with its own whole stem, else by those with the same key, which
for WebDataset ends at the first dot of the name.
"""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from musiclm.data.sources import unpack
from musiclm.data.sources.found import FOREIGN, Found, Place, Report, Told, is_sound, suffix
from musiclm.data.sources.reading import LONGEST, told_by_sidecar
from musiclm.data.sources.tree import SIDECARS
from musiclm.data.sources.unpack import Fault, Member

ENDS = (".tar", ".tar.gz", ".tgz")


def recordings(place: Place, files: list[Path], report: Report) -> Iterator[Found]:
    """What all tars hold."""
    yield from unpack.recordings(members, place, files, report)


def members(path: Path) -> Iterator[Member | Fault]:
    """Words first, sound second: a tar is read twice, so that neither must come first in it."""
    words, faults = _words(path)
    yield from (Fault(name, reason) for name, reason in faults.items())
    count = 0
    for name, file, damaged in _files(path):
        if damaged:
            yield Fault("", f"damaged after {count} recordings")
        elif suffix(name) in FOREIGN:
            yield Fault(name, f"{suffix(name)} files cannot be read: convert it to FLAC or MP3")
        elif is_sound(name) and file is None:
            yield Fault(name, "not an ordinary file")
        elif is_sound(name) and file is not None:
            count += 1
            told = words.get(_stem(name)) or words.get(_key(name)) or Told()
            yield Member(name, file, told)
    if not count:
        yield Fault("", "the archive holds no recording")


def _words(path: Path) -> tuple[dict[str, Told], dict[str, str]]:
    """What is told under each stem and key, and what is wrong with files of words."""
    words: dict[str, Told] = {}
    faults: dict[str, str] = {}
    for name, file, _ in _files(path):
        if suffix(name) in SIDECARS and file is not None:
            told, fault = told_by_sidecar(name, file.read(LONGEST + 1))
            faults |= {name: fault} if fault else {}
            for key in {_stem(name), _key(name)}:
                words[key] = words.get(key, Told()) + told
    return words, faults


def _files(path: Path) -> Iterator[tuple[str, IO[bytes] | None, bool]]:
    """(name, content if it is an ordinary file, False); the last is ("", None, True) if damaged."""
    try:
        with tarfile.open(path) as tar:
            for info in tar:
                if not info.isdir():
                    yield info.name, tar.extractfile(info) if info.isfile() else None, False
            assert tar.fileobj is not None
            tar.fileobj.seek(tar.offset)
            # An archive ends in zeros; tarfile takes any nonsense for the end of one.
            if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
                yield "", None, True
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        yield "", None, True


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _key(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]
