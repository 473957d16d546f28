"""Tempo and key of a recording by signal analysis alone: no network that could share a fault.

The paper asked people whether music follows its sentence; exact facts can be measured instead.
Tempo is the lag at which the onsets agree best with themselves; key is the one of 24 whose profile
of pitch classes correlates best with what sounds (Krumhansl 1990, in Temperley's revision of 1999).

>>> clicks = np.zeros(10 * SAMPLE_RATE, np.float32)
>>> clicks[:: SAMPLE_RATE // 2] = 1.0
>>> round(tempo(onsets(clicks))), same_tempo(60.0, 120.0), same_tempo(60.0, 120.0, octaves=False)
(120, True, False)
"""

import numpy as np
import torch
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.harmony import pitch_classes
from musiclm.evaluate.judge import autocorrelation
from musiclm.nn.spectrogram import shared_log_mel

RATE = 100  # onset frames a second
WINDOW, BINS = 1024, 40
HEARD = 7.0  # nepers below the loudest bin: 60 dB
SLOWEST, FASTEST = 40.0, 220.0  # beats a minute
LIKELY, SPREAD = 110.0, 0.8  # where people tap, and octaves around it
TOLERANCE = 0.04  # of the tempo, as in MIREX
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)  # a beat counted in twos or threes is the same beat
STRETCH = 0.35  # seconds around an onset that make it stand out or not
LEAST_RISE = 0.08  # nepers over its surroundings
# Krumhansl's own profiles find the key of 51 % and the mode of 71 % of 250 train clips of the
# corpus, Temperley's of 60 % and 77 %.
MAJOR = (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0)
MINOR = (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0)
BASS, ABOVE = 1.0, 2.0  # weights of the two bands


def onsets(samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " n"]:
    """How much louder it grows from frame to frame, mean over mel bins, of 24 kHz samples."""
    log_mel = shared_log_mel(SAMPLE_RATE, WINDOW, SAMPLE_RATE // RATE, BINS)
    heard = log_mel(torch.from_numpy(np.ascontiguousarray(samples))[None].float())[0]
    heard = heard.clamp_min(float(heard.max()) - HEARD)
    rise = (heard[2:] - heard[:-2]).clamp_min(0.0).mean(dim=1)  # two frames: half a window
    return rise.double().numpy()


def tempo(curve: Float[np.ndarray, " n"]) -> float | None:
    """Beats a minute of an onset curve; None where nothing begins, or for less than two beats."""
    slowest = round(60 * RATE / SLOWEST)
    if len(curve) < 2 * RATE or curve.max() < LEAST_RISE:
        return None
    lags = 4 * slowest
    raw = autocorrelation(torch.from_numpy(curve).float()[None, None], lags)[0, 0].numpy()
    # A long lag has fewer frames to agree over.
    shared = np.maximum(len(curve) - np.arange(1, lags + 1), RATE)
    agrees = np.concatenate([[1.0], raw * len(curve) / shared])
    lag = np.arange(round(60 * RATE / FASTEST), slowest + 1)
    comb = sum(_at(agrees, k * lag) / k for k in (1, 2, 3, 4))
    prior = np.exp(-0.5 * (np.log2(60 * RATE / lag / LIKELY) / SPREAD) ** 2)
    best = int(np.argmax(comb * prior))
    return float(60 * RATE / _peak(agrees, int(lag[best])))


def same_tempo(estimate: float | int | None, asked: float | int, octaves: bool = True) -> bool:
    """Whether two tempos are one, within 4 %; half, double, third and triple count as well."""
    if estimate is None:
        return False
    factors = OCTAVES if octaves else OCTAVES[:1]
    return any(abs(estimate * factor / asked - 1) <= TOLERANCE for factor in factors)


def onset_rate(curve: Float[np.ndarray, " n"]) -> float:
    """Onsets a second: rises that stand out from what is around them."""
    if not len(curve):
        return 0.0
    width = round(STRETCH * RATE)
    around = np.convolve(np.pad(curve, width, mode="edge"), np.ones(2 * width + 1), "valid")
    high = curve > around / (2 * width + 1) + LEAST_RISE
    before, after = np.pad(curve, (1, 0))[:-1], np.pad(curve, (0, 1))[1:]
    return float(np.sum(high & (curve > before) & (curve >= after))) * RATE / len(curve)


def key(samples: Float[np.ndarray, " t"]) -> tuple[int, str, float] | None:
    """Pitch class of the tonic, mode, and how well its profile fits; None where nothing sounds."""
    classes = pitch_classes(torch.from_numpy(np.ascontiguousarray(samples))[None].float())
    bass, above = classes[0].double().numpy()
    heard = BASS * bass + ABOVE * above
    if heard.std() < 1e-4:
        return None
    fits = np.stack(
        [[_correlation(np.roll(p, t), heard) for p in (MAJOR, MINOR)] for t in range(12)]
    )
    tonic, mode = np.unravel_index(int(fits.argmax()), fits.shape)
    return int(tonic), ("major", "minor")[int(mode)], float(fits.max())


def _correlation(one: Float[np.ndarray, " d"], other: Float[np.ndarray, " d"]) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _at(agrees: Float[np.ndarray, " n"], lag: np.ndarray) -> np.ndarray:
    """The best of a lag and its neighbours: four beats are seldom a whole number of frames."""
    wide = np.maximum(agrees, np.maximum(np.roll(agrees, 1), np.roll(agrees, -1)))
    return np.where(lag < len(agrees) - 1, wide[np.minimum(lag, len(agrees) - 2)], 0.0)


def _peak(agrees: Float[np.ndarray, " n"], lag: int) -> float:
    """Between frames: the top of a parabola, of the multiple of the lag that is the finest."""
    best = float(lag)
    for k in (1, 2, 3, 4):
        near = round(k * best)
        if near + 3 > len(agrees):
            break
        place = near - 2 + int(np.argmax(agrees[near - 2 : near + 3]))
        if place == len(agrees) - 1:
            break
        a, b, c = agrees[place - 1 : place + 2]
        bend = a - 2 * b + c
        # On a slope the parabola's top may lie anywhere, before the first lag too.
        off = 0.5 * (a - c) / bend if bend < 0 else 0.0
        best = (place + min(1.0, max(-1.0, off))) / k
    return best
