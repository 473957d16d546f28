"""Claim: a system's music is like real music and fits its prompts (MusicLM section 5, table 1).

Any folders of clips, ours or another system's, are judged side by side: distances from a reference
by named ears, divergence of labels, fit of text and sound, exact facts, structure and health.
Every figure has its interval, and differences are taken over the prompts that both were asked.

    figures = music([open_folder("ours"), open_folder("theirs")], Judges.load(("judge", "mulan")),
                    reference=open_reference("corpus/manifest.jsonl"))
"""

import math
from collections.abc import Sequence
from typing import Any

from musiclm.errors import UserError
from musiclm.evaluate.clips import Folder
from musiclm.evaluate.judges import Judged, Judges, judged
from musiclm.evaluate.music_clips import clip_rows
from musiclm.evaluate.music_tables import Tables
from musiclm.evaluate.pairing import shared
from musiclm.evaluate.report import report, table
from musiclm.evaluate.sound import Progress, quiet

SHOWN = 3  # clips of the reference in the pictures
NOTES = (
    "intervals are 95 %, over clips; a distance compares only with the same ear, reference and "
    "about as many clips",
    "KAD is 100 times the squared kernel distance; MAD is -log of MAUVE",
    "fit: cosine of sentence and sound, mean over windows; chance: the same clips with the other "
    "prompts. A system that was conditioned on an ear pleases that ear more easily",
    "control: chance is the same verdicts dealt to the prompts at random; for an order, of two "
    "clips, it is 0.5. Key and mode count where the sentence says them",
    "repetition: correlation of a clip with itself some seconds later; a loop has 1, moments in a "
    "random order about 0.1",
)


def music(
    folders: Sequence[Folder],
    judges: Judges,
    *,
    reference: Folder | None = None,
    described: str | None = None,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Judge folders side by side: tables, a row for each clip, and what could not be judged.

    `described` names the folder of the recordings that the prompts describe, if the reference
    does not hold them: labels are compared with them clip by clip.
    """
    if not folders:
        raise UserError("there is no folder to judge")
    named = zip(folders, _names(folders), strict=True)
    sets = [judged(folder, name, judges, progress) for folder, name in named]
    real = judged(reference, "reference", judges, progress) if reference else None
    tables = Tables(sets, real, judges, progress, described)
    told = {
        "Judged": tables.counted(),
        "Distance from the reference": tables.distances(),
        "Fit to the prompts": tables.fits(),
        "Control: facts as asked": tables.control(),
        "Structure and health": tables.structure(),
    }
    for other in sets[1:]:
        pairs = shared(sets[0].folder.recordings, other.folder.recordings)
        title = f"{other.name} less {sets[0].name}, over {len(pairs)} shared prompts"
        told[title] = tables.differences(sets[0], other, pairs)
    counts = "; ".join(f"{one.name}: {one.folder.counted}" for one in sets)
    against = f"reference {reference.name}: {reference.counted}" if reference else "no reference"
    figures = report(
        "music",
        f"{counts}; {against}",
        [table(title, rows) for title, rows in told.items() if rows],
        [*NOTES, *tables.notes],
    )
    faults = [
        {"folder": one.name, "file": str(fault.path), "reason": fault.reason}
        for one in (*sets, *([real] if real else []))
        for fault in one.folder.faults
    ]
    clips = clip_rows(sets, real, judges)
    whole = figures | {"faults": faults, "clips": clips, "reference_clips": _shown(real)}
    made = plain(whole)
    assert isinstance(made, dict)
    return made


def _shown(real: Judged | None) -> list[dict[str, Any]]:
    """The first clips of the reference, for the pictures."""
    if real is None:
        return []
    pairs = list(zip(real.folder.recordings, real.heard, strict=False))[:SHOWN]
    return [
        {
            "folder": real.name,
            "clip": one.name,
            "file": str(one.path),
            "seconds": heard.structure.seconds,
        }
        for one, heard in pairs
    ]


def plain(value: Any) -> Any:
    """Without what is not a number, which JSON has no word for.

    >>> plain({"a": [float("nan"), {"value": 1.0, "low": float("nan"), "high": 2.0, "n": 1}]})
    {'a': [None, 1.0]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: plain(one) for name, one in value.items()}
    if "low" in told and None in (told["low"], told["high"]):
        return told["value"]
    return told


def _names(folders: Sequence[Folder]) -> list[str]:
    """The folders' own names, told apart where two are alike."""
    names = [folder.name for folder in folders]
    return [
        f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name
        for i, name in enumerate(names)
    ]
