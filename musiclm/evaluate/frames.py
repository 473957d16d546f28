"""The facts of each frame of a composed clip, as class numbers; -1 where there is none.

They come from the ground truth beside the clip (`musiclm.corpus.truth`), not from its sound.

>>> from musiclm.corpus.truth import Truth
>>> truth = Truth(melody=((0.0, 1.0, 69),), beats=(0.0, 0.5, 1.0), chords=((0.0, 1.0, "F#m7"),))
>>> facts = facts_of(truth, 25)
>>> [facts[name].tolist()[:13:3] for name in ("melody", "chord", "beat", "onset")]
[[9, 9, 9, 9, 9], [13, 13, 13, 13, 13], [0, 1, 2, 3, 0], [1, 0, 0, 0, 0]]
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.corpus.truth import Truth, truth_of
from musiclm.data.manifest import Clip
from musiclm.evaluate.labels import ACCIDENTALS, TONICS
from musiclm.tokens import SEMANTIC

Facts = dict[str, Int[np.ndarray, " n"]]

QUARTERS = 4  # of a beat: the first is around the beat itself
OTHER = 24  # of chords: neither major nor minor
WAYS = {"melody": 12, "chord": OTHER + 1, "beat": QUARTERS, "onset": 2}


def frame_facts(clips: Sequence[Clip], frames: int) -> dict[str, Int[Tensor, "b n"]]:
    """By question, the answers of every frame of these clips; UserError without ground truth."""
    rows = [facts_of(truth_of(clip), frames) for clip in clips]
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in WAYS}


def facts_of(truth: Truth, frames: int) -> Facts:
    """Pitch class of the melody, chord, quarter of the beat, and whether a melody note begins."""
    time = (np.arange(frames) + 0.5) / SEMANTIC.rate
    melody, chord = np.full(frames, -1), np.full(frames, -1)
    for start, end, pitch in truth.melody:
        melody[(time >= start) & (time < end)] = pitch % 12
    for start, end, name in truth.chords:
        chord[(time >= start) & (time < end)] = chord_class(name)
    onset = np.full(frames, 0 if truth.melody else -1)
    begins = np.array([int(start * SEMANTIC.rate) for start, _, _ in truth.melody], dtype=int)
    onset[begins[begins < frames]] = 1
    return {"melody": melody, "chord": chord, "beat": _quarters(truth, time), "onset": onset}


def _quarters(truth: Truth, time: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """0 within an eighth of a beat of the beat, then 1, 2, 3; -1 outside the first and last."""
    beats = np.asarray(truth.beats)
    if len(beats) < 2:
        return np.full(len(time), -1)
    # The last beat has as far to go as the one before it.
    beats = np.append(beats, 2 * beats[-1] - beats[-2])
    place = np.searchsorted(beats, time, side="right") - 1
    inside = (place >= 0) & (place < len(beats) - 1)
    place = place.clip(0, len(beats) - 2)
    phase = (time - beats[place]) / (beats[place + 1] - beats[place])
    quarter = np.floor(QUARTERS * ((phase + 0.5 / QUARTERS) % 1.0)).astype(int)
    return np.where(inside, quarter, -1)


def chord_class(name: str) -> int:
    """Twice the root's pitch class, one more in minor; OTHER for the rest.

    >>> [chord_class(name) for name in ("C", "C#m", "Bbmaj7", "Am7", "G5", "Bdim")]
    [0, 3, 20, 19, 24, 24]
    """
    if name[:1] not in TONICS:
        return OTHER
    shift = ACCIDENTALS.get(name[1:2], 0)
    kind = name[1 + (shift != 0) :]
    if kind.startswith(("dim", "aug", "sus", "5", "m7b5")):
        return OTHER
    minor = kind.startswith("m") and not kind.startswith("maj")
    return 2 * ((TONICS[name[0]] + shift) % 12) + int(minor)
