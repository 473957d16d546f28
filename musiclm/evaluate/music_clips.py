"""One row for each clip of `evaluate music`: what a CSV holds, and which clips stand out.

rows = clip_rows([ours], reference, judges)
save_csv(rows, Path("report/clips.csv"))
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musiclm.checkpoint import atomic_path
from musiclm.errors import UserError
from musiclm.evaluate.distances import fad
from musiclm.evaluate.judges import Judged, Judges
from musiclm.evaluate.music_tables import paired_divergence

Row = dict[str, Any]


def clip_rows(sets: Sequence[Judged], real: Judged | None, judges: Judges) -> list[Row]:
    """All that is known of each clip that was judged."""
    return [row for one in sets for row in _rows(one, real, judges)]


def save_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows; a column that one row has, all have."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _rows(one: Judged, real: Judged | None, judges: Judges) -> list[Row]:
    columns: dict[str, np.ndarray] = {}
    for reader in judges.readers:
        if one.asked:
            columns[f"fit, {reader.name}"] = one.fits(reader.name)
    if real is not None:
        for ear in judges.embedders:
            columns |= _apart(one, real, ear.name)
        divergence = paired_divergence(real, one, judges)
        if np.isfinite(divergence).any():
            columns[f"KLD, {judges.tagger.name}"] = divergence
    rows = []
    for i, (clip, heard) in enumerate(zip(one.folder.recordings, one.heard, strict=True)):
        told = {name: _plain(values[i]) for name, values in columns.items()}
        verdict = heard.verdict
        rows.append(
            {"folder": one.name, "clip": clip.name, "file": str(clip.path), "prompt": clip.prompt}
            | told
            | heard.structure.as_dict()
            | {
                "heard_drums": verdict.drums,
                "heard_family": verdict.family,
                "heard_families": " ".join(sorted(heard.families)),
                "heard_tempo": verdict.tempo,
                "heard_mode": verdict.mode,
                "heard_style": verdict.style,
            }
        )
    return rows


def _apart(one: Judged, real: Judged, ear: str) -> dict[str, np.ndarray]:
    """How far each clip is from the reference."""
    try:
        found = fad.outliers(real.embedded[ear], one.embedded[ear])
    except UserError:
        return {}  # too few clips of the reference: the tables say so
    return {f"outlier ({found.measure}), {ear}": found.distances}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
