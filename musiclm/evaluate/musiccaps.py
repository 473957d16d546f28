"""The paper's protocol: every caption of MusicCaps, or the balanced 1,000 (MusicLM section 5).

Clips are generated for the rows of musiccaps-public.csv, named by ytid and judged as any folder is;
a run that was stopped goes on where it was. The sound of MusicCaps is not free: with a folder of
it the distances are measured, without it only what needs no reference.

    rows = read_musiccaps("musiccaps-public.csv", balanced=True)
    make(MusicLM.from_pretrained("mini"), rows, Path("run"))
    figures = protocol(music([open_folder("run/clips")], judges), rows)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from musiclm.checkpoint import atomic_path, sweep
from musiclm.data.sources.musiccaps import LENGTH
from musiclm.errors import UserError
from musiclm.evaluate.clips import Folder, read_table, write_prompts
from musiclm.evaluate.report import row, table
from musiclm.evaluate.sound import Progress, chunks, quiet
from musiclm.pipeline import MusicLM, check_prompt

CLIPS, SETTING = "clips", "musiccaps.json"
SECONDS = 10.0
NEEDED = ("ytid", "start_s", "caption")
NOT_MEASURED = "not measured"
COLUMNS = ("FAD, Trill", "FAD, VGGish", "KLD", "MuLan cycle consistency", "wins of 600")
PAPER = {  # table 1
    "Riffusion": (0.76, 13.4, 1.19, 0.34, 158),
    "Mubert": (0.45, 9.6, 1.58, 0.32, 97),
    "MusicLM": (0.44, 4.0, 1.01, 0.51, 312),
    "MusicCaps' own audio": (None, None, None, None, 472),
}
NOTES = (
    "not comparable with the paper: its MuLan was never released, so cycle consistency is by "
    "another ear, and its authors warn that it favours a system conditioned on it",
    "not comparable: the paper's KLD hears with a LEAF tagger of AudioSet, ours with the tagger "
    "named in the row; Trill's and VGGish's FAD need their weights and the sound of MusicCaps, and "
    "the paper does not say against which set it measured",
    "wins are of raters: `musiclm listen` asks them; no figure here stands in for it",
    "many captions ask for singing and words, which a system that learned instruments cannot give",
)


@dataclass(frozen=True)
class Caption:
    """One row of MusicCaps."""

    name: str  # its ytid, which names the clip
    text: str


def read_musiccaps(
    path: Path | str, *, balanced: bool = False, number: int | None = None
) -> list[Caption]:
    """The rows in an order of their own; `number` are the first of it, so that more can follow."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    if number is not None and number < 1:
        raise UserError(f"the number of captions must be 1 or more, not {number}")
    rows = read_table(path)
    missing = [name for name in NEEDED if name not in rows[0]]
    if missing:
        raise UserError(f"{path} is not MusicCaps: it has no column {', '.join(missing)}")
    if balanced:
        rows = [one for one in rows if (one.get("is_balanced_subset") or "").lower() == "true"]
        if not rows:
            raise UserError(f"{path} holds no row of the balanced subset")
    captions: dict[str, Caption] = {}
    for one in rows:
        name, text = (one["ytid"] or "").strip(), " ".join((one["caption"] or "").split())
        if not name or "/" in name or not text:
            raise UserError(f"{path}: the row {name or '?'!r} has no ytid or no caption")
        if name in captions:
            raise UserError(f"{path} holds {name} twice")
        captions[name] = Caption(name, text)
    order = np.random.default_rng(0).permutation(len(captions))
    ordered = [list(captions.values())[i] for i in order]
    return ordered[:number]


def make(
    model: MusicLM,
    captions: Sequence[Caption],
    folder: Path,
    *,
    seed: int = 0,
    duration: float | int | None = None,
    batch: int = 10,
    progress: Progress = quiet,
) -> Path:
    """Generate what is not there yet; each clip is the same however often one stopped."""
    clips, duration = folder / CLIPS, duration or SECONDS
    _settle(folder, {"system": model.system.name, "seed": seed, "seconds": float(duration)})
    clips.mkdir(exist_ok=True)
    sweep(clips)
    readable = {i for i, one in enumerate(captions) if _readable(one)}
    for done, group in enumerate(chunks(list(range(len(captions))), batch)):
        progress("generate", done * batch, len(captions))
        wanted = [i for i in group if i in readable and not _path(clips, captions[i]).is_file()]
        if not wanted:
            continue
        # All of the group: clip i is drawn with seed + i, whatever was made before.
        texts = [captions[i].text if i in readable else "music" for i in group]
        made = model.generate(texts, duration, seed + group[0])
        assert isinstance(made, list)
        for i, clip in zip(group, made, strict=True):
            if i in wanted:
                clip.save(_path(clips, captions[i]))
    progress("generate", len(captions), len(captions))
    kept = [one for i, one in enumerate(captions) if i in readable]
    write_prompts(clips, [(_path(clips, one).name, one.text, {}) for one in kept])
    return clips


def among(folder: Folder, captions: Sequence[Caption]) -> Folder:
    """The clips of these captions; UserError if there is none."""
    names = {caption.name for caption in captions}
    kept = [one for one in folder.recordings if _ytid(one.name) in names or one.name in names]
    if not kept:
        raise UserError(f"{folder.name} holds no clip of the {len(captions)} captions")
    return replace(folder, recordings=tuple(kept))


def protocol(figures: Mapping[str, Any], captions: Sequence[Caption]) -> dict[str, Any]:
    """The figures with the paper's table beside ours, and what is not comparable."""
    ours = [name for name in figures["tables"][0]["rows"] if name["what"] != "reference"]
    rows = [
        row(what, **{column: "-" if cell is None else cell
                     for column, cell in zip(COLUMNS, cells, strict=True)})
        for what, cells in PAPER.items()
    ]  # fmt: skip
    rows += [_ours(figures, one["what"]) for one in ours]
    beside = table("The paper's table 1 (its figures, its ears), and ours", rows)
    unread = sum(not _readable(one) for one in captions)
    asked = f"{len(captions)} captions of MusicCaps were asked for"
    notes = [asked + (f"; {unread} have no English words" if unread else ""), *NOTES]
    return dict(figures) | {
        "claim": "musiccaps",
        "tables": [*figures["tables"], beside],
        "notes": [*figures["notes"], *notes],
    }


def _ours(figures: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What of the paper's columns was measured, by the ear that is nearest to its own."""

    def found(*starts: str) -> Any:
        lines = [line for one in figures["tables"] for line in one["rows"] if name in line]
        for start in starts:
            for line in lines:
                if line["what"].startswith(start) and isinstance(line[name], Mapping):
                    return line[name]
        return NOT_MEASURED

    cells = (
        NOT_MEASURED,
        found("FAD, vggish"),
        found("KLD clip by clip, ast", "KLD clip by clip"),
        found("text and sound, mulan"),
        NOT_MEASURED,
    )
    return {"what": f"{name} (ours)"} | dict(zip(COLUMNS, cells, strict=True))


def _settle(folder: Path, setting: dict[str, Any]) -> None:
    """Refuse to go on with another system's run."""
    path = folder / SETTING
    if path.is_file():
        try:
            known = json.loads(path.read_text())
        except ValueError as error:
            raise UserError(f"{path} is damaged: {error}") from error
        if known != setting:
            raise UserError(f"{folder} was begun with {known}, not {setting}: name another folder")
        return
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(setting) + "\n")


def _ytid(name: str) -> str:
    """Of names such as `[ytid]-[30-40]`; clips that we make have the bare name."""
    return name.rpartition("/")[2].lstrip("[")[:LENGTH]


def _path(clips: Path, caption: Caption) -> Path:
    return clips / f"{caption.name}.wav"


def _readable(caption: Caption) -> bool:
    try:
        check_prompt(caption.text)
    except UserError:
        return False
    return True
