"""Which kinds of source a folder holds: one table of them, and the signs that tell them apart.

A folder may hold several, an archive beside loose files. Its loose sound files are always taken,
with what tables say of them; name the table itself instead of the folder to take its rows only.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from musiclm.data.sources import arrow, musiccaps, tables, tars, tree
from musiclm.data.sources.fields import PATHS, pick
from musiclm.data.sources.found import Found, Place, Report
from musiclm.errors import UserError

Source = Callable[[Place, list[Path], Report], Iterator[Found]]

# In the order in which they are believed where two tell of one recording.
KINDS: dict[str, Source] = {
    "musiccaps": musiccaps.recordings,
    "audiocraft": tables.recordings,
    "table": tables.recordings,
    "huggingface": arrow.recordings,
    "webdataset": tars.recordings,
    "folder": tree.recordings,
}
LOOKED_FOR = (
    "sound files (WAV, FLAC, OGG, MP3 and others), tables (CSV, TSV, JSON lines), WebDataset tars, "
    "Hugging Face datasets"
)


def survey(place: Place, given: Path) -> dict[str, list[Path]]:
    """The sources of a folder, or of one file: kind -> its files, in the order of `KINDS`."""
    asked = place.options.kind
    if asked not in ("auto", *KINDS):
        raise UserError(f"no such kind of folder: {asked}; there are auto, {', '.join(KINDS)}")
    if given.is_file():
        kind = _kind(place, given, named=True) if asked == "auto" else asked
        if kind is None:
            raise UserError(f"{given} is neither a folder nor a table or archive of recordings")
        return {kind: [given]}
    kinds: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for file in _candidates(place):
        kind = _kind(place, file, named=False)
        if kind is not None and asked in ("auto", kind):
            kinds[kind].append(file)
        elif asked in ("table", "audiocraft") and file.name.endswith(tables.ENDS):
            kinds[asked].append(file)
    if asked not in ("auto", "folder") and not kinds[asked]:
        raise UserError(f"{given} holds nothing of the kind {asked}")
    loose = asked in ("auto", "folder")
    return {k: files for k, files in kinds.items() if files or (loose and k == "folder")}


def _candidates(place: Place) -> Iterator[Path]:
    """Archives at any depth, tables at most one folder down; nothing hidden, nothing of ours."""
    skipped = {str(place.unpack.resolve())}
    archives = (*tars.ENDS, *arrow.ENDS)
    for key, path, _ in tree.walk(place.root, skipped, lambda path, reason: None, set()):
        name = key.rpartition("/")[2]
        near = key.count("/") < 2 or name.startswith("metadata.")
        wanted = name.endswith(archives) or (near and name.endswith(tables.ENDS))
        # `cache-*.arrow` are what `datasets` computed from the other files of the folder.
        if wanted and not name.startswith((".", "cache-")) and not _own(place, path):
            yield Path(path)


def _own(place: Place, path: str) -> bool:
    """Whether a file is the manifest, or one that was written beside it and named after it."""
    file = Path(path)
    if file.name.endswith(".problems.jsonl"):
        return True  # of another manifest
    named = file.name.startswith(f"{place.own.stem}.") and file.name.endswith(".jsonl")
    return named and file.parent.resolve() == place.own.parent.resolve()


def _kind(place: Place, file: Path, named: bool) -> str | None:
    """The kind of one file; `named`: by a person, who must then mean it."""
    if file.name.endswith(tars.ENDS):
        return "webdataset"
    if file.name.endswith(arrow.ENDS):
        return "huggingface"
    if not file.name.endswith(tables.ENDS):
        return None
    names = tables.columns(file)
    if musiccaps.COLUMNS.issubset(names):
        return "musiccaps"
    column = place.options.path_column
    if not named and (pick(names, PATHS) is None if column is None else column not in names):
        return None
    if file.name.startswith("metadata."):
        return "huggingface"
    return "audiocraft" if ".jsonl" in file.name else "table"
