"""Any folder of recordings, what was asked for each, and why some of them cannot be judged.

What every evaluation of music begins with (MusicLM section 5 judges such a folder of each system):
files of any rate, length, channels and of WAV, FLAC, OGG or MP3. What is broken, empty or not
finite becomes a fault with its reason, and the others are judged without it.

>>> import tempfile
>>> from musiclm.audio import Waveform
>>> folder = Path(tempfile.mkdtemp())
>>> Waveform(np.full(48_000, 0.1, np.float32)).save(folder / "a.flac", {"prompt": "a hum"})
>>> _ = (folder / "b.mp3").write_bytes(b"not music")
>>> found = open_folder(folder)
>>> [(one.name, one.prompt) for one in found.recordings], [one.path.name for one in found.faults]
([('a', 'a hum')], ['b.mp3'])
>>> heard(found.recordings[0], 16_000).shape
(32000,)
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE, read
from musiclm.checkpoint import atomic_path
from musiclm.data.faults import REASONS, Limits, judge
from musiclm.data.listen import listen
from musiclm.data.manifest import read_manifest
from musiclm.data.sources.found import FOREIGN, Told, is_sound, suffix
from musiclm.data.sources.musiccaps import match
from musiclm.errors import UserError
from musiclm.evaluate.sound import Progress, quiet

PROMPTS = "prompts.jsonl"  # in a folder: what was asked for its clips
MANIFEST = "manifest.jsonl"
LEAST_SECONDS = 1.0  # the judge and most embedders hear whole seconds
JUDGED_ANYWAY = {"silent", "mostly_silent", "clipped", "dc_offset"}  # health tells of these
FILE_COLUMNS = ("file", "path", "filename", "file_name", "name")
PROMPT_COLUMNS = ("prompt", "caption", "text", "description")
NAMED = 3  # files that a message names before it only counts


@dataclass(frozen=True)
class Recording:
    """One clip that can be judged; `facts` is exact ground truth, {} where nobody knows it."""

    path: Path
    name: str
    prompt: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """One file that cannot be judged, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Folder:
    """All that one system has made, or a set of real recordings."""

    name: str
    recordings: tuple[Recording, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def counted(self) -> str:
        """How many clips are judged, and how many are not."""
        judged = f"{len(self.recordings)} clip{'' if len(self.recordings) == 1 else 's'}"
        return f"{judged} judged" + (f", {len(self.faults)} not" if self.faults else "")


def open_folder(
    path: Path | str, prompts: Path | None = None, progress: Progress = quiet
) -> Folder:
    """Look at every recording in a folder and its subfolders; UserError if none can be judged.

    `prompts` is JSON lines (file, prompt, facts), a CSV with a column for each (MusicCaps' own
    too), or a text with one line for each clip in order of name. Without it the folder's own
    prompts.jsonl counts, else the prompt that a file carries in its metadata.
    """
    folder = Path(path)
    names = _names(folder)
    asked, missing = _asked(folder, names, prompts)
    found, faults = _examined(names, folder.name, progress)
    faults += [Fault(folder / name, f"{PROMPTS} names it, but it is not there") for name in missing]
    if not found:
        raise UserError(f"{folder}: none of {len(faults)} files can be judged; {_first(faults)}")
    told = [_told(one, asked) for one in found]
    return Folder(folder.resolve().name, tuple(told), tuple(faults))


def open_reference(path: Path | str, split: str = "test", progress: Progress = quiet) -> Folder:
    """A folder of recordings, or a manifest's (its `split`, if it has one) with their labels."""
    path = Path(path)
    manifest = path / MANIFEST if path.is_dir() else path
    if not manifest.is_file():
        return open_folder(path, progress=progress)
    clips = read_manifest(manifest)
    chosen = [clip for clip in clips if clip.split == split] or clips
    if not chosen:
        raise UserError(f"{manifest} names no recording")
    names = {Path(clip.path): clip.id for clip in chosen}
    found, faults = _examined(names, manifest.parent.name, progress)
    if not found:
        raise UserError(f"{manifest}: no recording of it can be judged; {_first(faults)}")
    rows = {clip.id: clip for clip in chosen}
    recordings = [
        # The longest caption says most.
        replace(
            one,
            prompt=max(rows[one.name].captions, key=len, default=None),
            facts=rows[one.name].labels,
        )
        for one in found
    ]
    return Folder(manifest.parent.resolve().name, tuple(recordings), tuple(faults))


def heard(recording: Recording, sample_rate: int = SAMPLE_RATE) -> Float[np.ndarray, " t"]:
    """Mono samples at a rate."""
    return read(recording.path, sample_rate).samples


def write_prompts(folder: Path, rows: Iterable[tuple[str, str | None, Mapping[str, Any]]]) -> Path:
    """Note (file, prompt, facts) of each clip where `open_folder` finds them."""
    path = folder / PROMPTS
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as lines:
        for file, prompt, facts in rows:
            row = {"file": file, "prompt": prompt, "facts": dict(facts)}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _names(folder: Path) -> dict[Path, str]:
    """The files that are or should be sound, by name, and what to call each."""
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    files = [
        path
        for path in folder.rglob("*")
        if (is_sound(path.name) or suffix(path.name) in FOREIGN)
        and not path.is_dir()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not files:
        raise UserError(f"{folder} holds no sound files")
    relative = {path: path.relative_to(folder) for path in files}
    count = Counter(path.with_suffix("") for path in relative.values())
    names = {
        path: (short if count[short := name.with_suffix("")] == 1 else name).as_posix()
        for path, name in relative.items()
    }
    return dict(sorted(names.items(), key=lambda item: item[1]))


def _examined(
    names: Mapping[Path, str], what: str, progress: Progress
) -> tuple[list[Recording], list[Fault]]:
    """Those that can be judged, and what is wrong with the others."""
    found, faults = [], []
    for done, (path, name) in enumerate(names.items()):
        progress(f"read {what}", done, len(names))
        reason = _reason(path)
        if reason:
            faults.append(Fault(path, reason))
        else:
            found.append(Recording(path, name))
    progress(f"read {what}", len(names), len(names))
    return found, faults


def _reason(path: Path) -> str | None:
    """Why a file cannot be judged."""
    if suffix(path.name) in FOREIGN:
        return f"{suffix(path.name)} files cannot be read"
    for reason, detail in judge(listen(str(path)), Limits(LEAST_SECONDS)).items():
        if reason not in JUDGED_ANYWAY:
            return f"{REASONS[reason].explanation}: {detail}"
    return None


def _first(faults: Sequence[Fault]) -> str:
    return f"{faults[0].path.name}: {faults[0].reason}"


def _told(recording: Recording, asked: Mapping[str, Mapping[str, Any]] | None) -> Recording:
    if asked is None:
        return replace(recording, prompt=_prompt_inside(recording.path))
    row = asked.get(recording.name, {})
    return replace(recording, prompt=row.get("prompt"), facts=row.get("facts", {}))


def _prompt_inside(path: Path) -> str | None:
    """What `musiclm generate` notes in its files."""
    try:
        with soundfile.SoundFile(path) as file:
            told = json.loads(file.comment or "null")
    except (OSError, ValueError, soundfile.SoundFileError):
        return None
    text = told.get("prompt") if isinstance(told, dict) else None
    return text.strip() or None if isinstance(text, str) else None


Asked = dict[str, dict[str, Any]]  # by what a prompts file calls a clip, then by its own name


def _asked(
    folder: Path, names: Mapping[Path, str], prompts: Path | None
) -> tuple[Asked | None, list[str]]:
    """What was asked for each clip, by its name (None where no file says it), and who is missing.

    A folder may have lost clips since its own prompts were noted; a file that a person names
    must fit.
    """
    own = folder / PROMPTS
    if prompts is None:
        table = _lines(own) if own.is_file() else None
        return (None, []) if table is None else (_matched(table, names), _unknown(table, names))
    if not prompts.is_file():
        raise UserError(f"no such prompts file: {prompts}")
    kind = suffix(prompts.name)
    if kind == ".txt":
        return _in_order(prompts, names), []
    if kind not in (".csv", ".jsonl"):
        raise UserError(f"{prompts} is not a prompts file: it must be .jsonl, .csv or .txt")
    if kind == ".csv" and "ytid" in (rows := read_table(prompts))[0]:
        return _musiccaps(prompts, rows, names), []
    table = _lines(prompts) if kind == ".jsonl" else _columns(prompts, rows)
    if missing := _unknown(table, names):
        there = _some(list(names.values()))
        raise UserError(f"{prompts} names {_some(missing)} not in {folder}, which has {there}")
    return _matched(table, names), []


def _unknown(table: Asked, names: Mapping[Path, str]) -> list[str]:
    """Files that are named and not there."""
    known = {spelling for path, name in names.items() for spelling in _spellings(path, name)}
    return [name for name in table if name not in known]


def _matched(asked: Asked, names: Mapping[Path, str]) -> Asked:
    """By the clips' own names."""
    return {
        name: asked[spelling]
        for path, name in names.items()
        for spelling in _spellings(path, name)
        if spelling in asked
    }


def _spellings(path: Path, name: str) -> tuple[str, ...]:
    """How a prompts file may call a clip, the least certain first."""
    full = name if name.endswith(path.suffix) else name + path.suffix
    return (path.stem, path.name, name, full)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} file{'' if len(names) == 1 else 's'} ({shown}{more})"


def _in_order(prompts: Path, names: Mapping[Path, str]) -> Asked:
    """A line for each clip; a broken file keeps its place."""
    lines = _text(prompts).rstrip("\n").split("\n")
    if len(lines) != len(names):
        raise UserError(f"{prompts} has {len(lines)} lines for {len(names)} clips")
    return {
        name: _row(prompts, number, line, {})
        for number, (name, line) in enumerate(zip(names.values(), lines, strict=True), 1)
    }


def _lines(path: Path) -> Asked:
    asked: Asked = {}
    text = _text(path).rstrip("\n")
    for number, line in enumerate(text.split("\n") if text else (), 1):
        try:
            row = json.loads(line)
            file, prompt, facts = str(row["file"]), row.get("prompt"), row.get("facts") or {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f'{path}, line {number} is not {{"file": ..., "prompt": ...}}: {error}'
            ) from error
        _add(path, number, asked, file, _row(path, number, prompt, facts))
    return asked


def _columns(path: Path, rows: Sequence[Mapping[str, str]]) -> Asked:
    file = next((name for name in FILE_COLUMNS if name in rows[0]), None)
    prompt = next((name for name in PROMPT_COLUMNS if name in rows[0]), None)
    if file is None or prompt is None:
        raise UserError(f"{path} has no columns file and prompt, but {', '.join(rows[0])}")
    asked: Asked = {}
    for number, row in enumerate(rows, 2):
        _add(path, number, asked, row[file] or "", _row(path, number, row[prompt], {}))
    return asked


def _musiccaps(path: Path, rows: Sequence[Mapping[str, str]], names: Mapping[Path, str]) -> Asked:
    """MusicCaps' own table: clips are named by ytid, and hardly anybody has them all."""
    wanted: dict[str, dict[float, Told]] = {}
    for row in rows:
        try:
            told = Told(captions=(" ".join(row["caption"].split()),))
            wanted.setdefault(row["ytid"], {})[float(row["start_s"] or 0)] = told
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: a row of MusicCaps is not whole: {error}") from error
    asked = {}
    for file, name in names.items():
        if (place := match(file.stem, wanted)) is not None:
            asked[name] = _row(path, 0, wanted[place[0]][place[1]].captions[0], {})
    if not asked:
        raise UserError(f"{path} names none of the clips ({_some(list(names.values()))})")
    return asked


def _add(path: Path, number: int, asked: Asked, file: str, row: dict[str, Any]) -> None:
    name = file.strip().removeprefix("./").replace("\\", "/")
    if name in asked:
        raise UserError(f"{path}, line {number} names {name} again")
    asked[name] = row


def _row(path: Path, number: int, prompt: object, facts: object) -> dict[str, Any]:
    if prompt is not None and not isinstance(prompt, str) or not isinstance(facts, dict):
        raise UserError(f"{path}, line {number}: prompt must be text and facts an object")
    return {"prompt": (prompt or "").strip() or None, "facts": facts}


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV by its header; UserError if there are none."""
    try:
        rows = list(csv.DictReader(io.StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV: {error}") from error
    if not rows:
        raise UserError(f"{path} has no rows")
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the prompts {path}: {error}") from error
