"""What one clip is like by signal analysis: level, band, repetition, novelty, tempo and key.

The paper says of structure only that it is lost without semantic tokens (MusicLM section 5); here
it is measured. Everything is told of 24 kHz mono samples of any length.

>>> rng = np.random.default_rng(0)
>>> bar = rng.standard_normal(2 * SAMPLE_RATE) * np.repeat(rng.random(8), SAMPLE_RATE // 4)
>>> looped = analyse((0.1 * np.tile(bar, 5)).astype(np.float32))
>>> looped.repetition > 0.9, round(looped.repeats_after, 1), looped.health.good
(True, 2.0, True)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyloudnorm
import torch
from einops import rearrange
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.embedders.base import unit
from musiclm.evaluate.estimates import key, onset_rate, onsets, tempo
from musiclm.evaluate.harmony import chroma
from musiclm.evaluate.health import Health, check
from musiclm.nn.spectrogram import shared_log_mel

RATE = 10  # frames a second in which a clip is compared with itself: as harmony.chroma has them
WINDOW, HOP, BINS = 4800, SAMPLE_RATE // RATE, 32
HEARD = 7.0  # nepers below the loudest bin: 60 dB
SHORTEST, LONGEST = 1.0, 12.0  # seconds after which a clip may repeat itself
RECURS = 0.3  # repetition; of 60 clips with shuffled tenths of a second 54 stay below 0.2
STEADY = 8e-3  # of its frames' variance: below it nothing happens that could come back
KERNEL = 2.0  # seconds on either side of a change
MOST_FRAMES = 600  # of a self-similarity matrix: a minute; longer clips are pooled
ROLLOFF = (0.95, 0.99)  # shares of the energy
LOUDNESS_BLOCK = 0.4  # seconds, of ITU-R BS.1770
PITCHES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Structure:
    """What was measured on a clip."""

    seconds: float
    health: Health
    loudness: float | None  # LUFS; None of silence
    rolloff_95: float  # hertz below which 95 % of the energy lies
    rolloff_99: float
    repetition: float  # how alike it is to itself some seconds later: 0 not at all, 1 a loop
    repeats_after: float  # seconds
    novelty: float  # of its greatest change: 0 none, 1 nothing is as before
    bpm: float | None
    onsets_per_second: float
    tonic: int | None  # pitch class, from C
    mode: str | None
    key_fit: float | None  # correlation with the profile of the key

    @property
    def recurs(self) -> bool:
        """Whether a bar or a phrase of it comes back."""
        return self.repetition >= RECURS

    @property
    def key(self) -> str | None:
        """Its name."""
        return None if self.tonic is None else f"{PITCHES[self.tonic]} {self.mode}"

    def as_dict(self) -> dict[str, Any]:
        """Plain figures, for JSON and CSV."""
        plain = {
            name: getattr(self, name)
            for name in ("seconds", "loudness", "rolloff_95", "rolloff_99", "repetition")
        }
        return plain | {
            "repeats_after": self.repeats_after,
            "recurs": self.recurs,
            "novelty": self.novelty,
            "bpm": self.bpm,
            "onsets_per_second": self.onsets_per_second,
            "key": self.key,
            "key_fit": self.key_fit,
            "silent_share": self.health.silent_share,
            "clipped_share": self.health.clipped_share,
            "still_seconds": self.health.still_seconds,
            "silent": self.health.silent,
            "clipped": self.health.clipped,
            "stuck": self.health.stuck,
        }


def analyse(samples: Float[np.ndarray, " t"]) -> Structure:
    """Measure a clip."""
    curve, sounding = onsets(samples), key(samples)
    features = frames(samples)
    repetition, after = repeats(features)
    low, high = rolloff(samples)
    return Structure(
        seconds=len(samples) / SAMPLE_RATE,
        health=check(samples),
        loudness=loudness(samples),
        rolloff_95=low,
        rolloff_99=high,
        repetition=repetition,
        repeats_after=after,
        novelty=float(novelty(similarity(features)).max(initial=0.0)),
        bpm=tempo(curve),
        onsets_per_second=onset_rate(curve),
        tonic=sounding[0] if sounding else None,
        mode=sounding[1] if sounding else None,
        key_fit=sounding[2] if sounding else None,
    )


def loudness(samples: Float[np.ndarray, " t"]) -> float | None:
    """Integrated loudness in LUFS (ITU-R BS.1770); None where all of it is below the gate."""
    if len(samples) < LOUDNESS_BLOCK * SAMPLE_RATE:
        return None
    with np.errstate(divide="ignore"):
        lufs = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples.astype(np.float64))
    return float(lufs) if np.isfinite(lufs) else None


def rolloff(samples: Float[np.ndarray, " t"]) -> tuple[float, float]:
    """Hertz below which 95 and 99 % of the energy lies."""
    energy = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    if not energy.any():
        return 0.0, 0.0
    filled = np.cumsum(energy) / energy.sum()
    bins = np.searchsorted(filled, ROLLOFF)
    low, high = (bins * SAMPLE_RATE / len(samples)).tolist()
    return low, high


def frames(samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, "n d"]:
    """Timbre and pitch classes ten times a second, each half of the length of a row."""
    wave = torch.from_numpy(np.ascontiguousarray(samples))[None].float()
    log_mel = shared_log_mel(SAMPLE_RATE, WINDOW, HOP, BINS)(wave)[0]
    timbre = (log_mel.clamp_min(float(log_mel.max()) - HEARD) - log_mel.max()) / HEARD + 1.0
    pitch = chroma(wave)[0]
    count = min(len(timbre), len(pitch))
    both = [unit(part[:count].double().numpy()) for part in (timbre, pitch)]
    return np.concatenate(both, axis=1) / np.sqrt(2)


def similarity(features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m m"]:
    """Cosine of every moment with every other; long clips are pooled to MOST_FRAMES."""
    pooled = -(-len(features) // MOST_FRAMES)
    if pooled > 1:
        whole = features[: len(features) // pooled * pooled]
        features = rearrange(whole, "(n p) d -> n p d", p=pooled).mean(axis=1)
    rows = unit(features)
    return rows @ rows.T


def repeats(features: Float[np.ndarray, "n d"]) -> tuple[float, float]:
    """How alike a clip is to itself after some seconds, and after how many.

    What never changes within the clip counts for nothing: a held chord does not repeat.
    """
    centred = features - features.mean(axis=0)
    count, spread = len(centred), float((centred**2).sum())
    lags = np.arange(round(SHORTEST * RATE), min(count // 2, round(LONGEST * RATE)) + 1)
    if not len(lags) or spread < STEADY * count:
        return 0.0, 0.0
    curve = np.array([_alike(centred, int(lag)) for lag in lags])
    # The top of a peak, for neighbours are alike in all music that changes slowly.
    inner = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    if not len(inner):
        return 0.0, 0.0
    best = int(inner[curve[inner].argmax()])
    return float(max(0.0, curve[best])), float(lags[best] / RATE)


def novelty(matrix: Float[np.ndarray, "m m"]) -> Float[np.ndarray, " m"]:
    """How much each moment divides what is before from what is after (Foote, 2000), 0 to 1."""
    width = min(round(KERNEL * RATE), len(matrix) // 2)
    if width < 2:
        return np.zeros(len(matrix))
    curve = np.zeros(len(matrix))
    for place in range(width, len(matrix) - width + 1):
        before, after = slice(place - width, place), slice(place, place + width)
        within = matrix[before, before].mean() + matrix[after, after].mean()
        curve[place - (place == len(matrix))] = within / 2 - matrix[before, after].mean()
    return curve.clip(0.0, 1.0)


def _alike(centred: Float[np.ndarray, "n d"], lag: int) -> float:
    """Correlation of what the two parts share, each as long as the other."""
    early, late = centred[:-lag], centred[lag:]
    scale = np.sqrt((early**2).sum() * (late**2).sum())
    return float((early * late).sum() / max(scale, 1e-9))
