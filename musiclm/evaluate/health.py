"""Is a clip sound at all: not silent, not clipped, not stuck on one sound.

The limits lie beyond what real renders do; `control` prints how often those cross them.

>>> rng = np.random.default_rng(0)
>>> check(np.zeros(240_000, np.float32)).silent
True
>>> check(np.sin(np.arange(240_000) * 0.1).astype(np.float32) * 0.5).stuck
True
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.nn.spectrogram import LogMel

QUIET = 10 ** (-50 / 20)  # RMS of a moment that counts as silence: -50 dBFS
MOMENT = SAMPLE_RATE // 2
MOST_SILENT = 0.5  # share of silent moments
FLAT = 6e-5  # two steps of 16 bit: how near to the peak a flattened sample lies
FLAT_RUN = 4  # samples in a row; a smooth wave turns around in fewer
MOST_CLIPPED = 1e-3  # share of flattened samples
STEP_SECONDS = 0.16  # shorter than an eighth note at 178 beats a minute
STILL = 0.2  # nepers of log-mel change from step to step; below it nothing happens
RANGE = 7.0  # nepers below the loudest bin that are still heard: 60 dB
MOST_STILL = 5.0  # seconds on end


@dataclass(frozen=True)
class Health:
    """What was measured on a clip."""

    rms_db: float
    silent_share: float
    clipped_share: float
    still_seconds: float

    @property
    def silent(self) -> bool:
        """Half of the clip or more is silence."""
        return self.silent_share >= MOST_SILENT

    @property
    def clipped(self) -> bool:
        """Peaks are cut flat."""
        return self.clipped_share > MOST_CLIPPED

    @property
    def stuck(self) -> bool:
        """The spectrum stands still for longer than any music does; silence is another fault."""
        return not self.silent and self.still_seconds > MOST_STILL

    @property
    def good(self) -> bool:
        """None of the three."""
        return not (self.silent or self.clipped or self.stuck)


def check(samples: Float[np.ndarray, " t"]) -> Health:
    """Measure 24 kHz mono samples."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))
    return Health(
        rms_db=20 * float(np.log10(rms)),
        silent_share=_silent_share(samples),
        clipped_share=_clipped_share(samples),
        still_seconds=_still_seconds(samples),
    )


def _silent_share(samples: np.ndarray) -> float:
    count = max(1, len(samples) // MOMENT)
    moments = np.array_split(samples.astype(np.float64), count)
    return float(np.mean([np.sqrt(np.mean(moment**2)) < QUIET for moment in moments]))


def _clipped_share(samples: np.ndarray) -> float:
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < QUIET:
        return 0.0
    return sum(_in_runs(at) for at in (samples > peak - FLAT, samples < FLAT - peak)) / len(samples)


def _in_runs(flags: np.ndarray) -> int:
    """How many flags stand in runs of at least FLAT_RUN."""
    lengths = _runs(flags)
    return int(lengths[lengths >= FLAT_RUN].sum())


def _runs(flags: np.ndarray) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return edges[1::2] - edges[::2]


def _still_seconds(samples: np.ndarray) -> float:
    hop = SAMPLE_RATE // 100
    log_mel = LogMel(SAMPLE_RATE, 2 * hop, hop, bins=48)(torch.from_numpy(samples)[None].float())[0]
    heard = log_mel.clamp_min(float(log_mel.max()) - RANGE)
    width = round(STEP_SECONDS * 100)
    steps = heard[: len(heard) // width * width].reshape(-1, width, heard.shape[1]).mean(dim=1)
    if len(steps) < 2:
        return 0.0
    change = (steps[1:] - steps[:-1]).abs().mean(dim=1).numpy()
    return float(_runs(change < STILL).max(initial=0)) * STEP_SECONDS
