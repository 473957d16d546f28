"""The room and the level: reverberation, a tilt of the spectrum and loudness.

Reverberation is noise that decays, darker as it fades, from a small set of rooms, multiplied in the
frequency domain together with the tilt; a clip costs two FFTs.

>>> dry = np.zeros(24_000, np.float32); dry[0] = 1.0
>>> wet = mix(dry, np.random.default_rng(0), dynamics="medium")
>>> wet.shape, bool(np.abs(wet).max() < 0.95)
((24000,), True)
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float

from musiclm.audio import SAMPLE_RATE

PEAK = 0.94
LOUDNESS = {"soft": -20.0, "medium": -18.0, "loud": -16.0}  # dB, root mean square
_ROOMS = ((0.25, 6000.0), (0.4, 5000.0), (0.6, 4500.0), (0.8, 4000.0))  # seconds to -60 dB, Hz
_VARIANTS = 4
_KNEE = 0.6
_MOST_LIMITING = 1.6  # 4 dB
_PIVOT = 800.0  # Hz, where a tilt turns


@lru_cache(maxsize=32)
def _room(index: int, variant: int, size: int) -> Complex[np.ndarray, " f"]:
    seconds, cutoff = _ROOMS[index]
    rng = np.random.default_rng([index, variant])
    length = min(round(seconds * SAMPLE_RATE), size // 2)
    time = np.arange(length) / SAMPLE_RATE
    noise = rng.normal(size=length) * np.exp(-6.9 * time / seconds)
    noise[: round(0.008 * SAMPLE_RATE)] = 0.0  # the walls are some metres away
    spectrum = np.fft.rfft(noise, size)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    spectrum /= np.sqrt(1 + (hertz / cutoff) ** 2) * np.sqrt((noise**2).sum())
    spectrum[hertz < 150] *= 0.3  # a rumbling room only blurs the bass
    return spectrum.astype(np.complex64)


@lru_cache(maxsize=4)
def _octaves(size: int) -> Float[np.ndarray, " f"]:
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return np.log2(np.clip(hertz, 60.0, 8000.0) / _PIVOT).astype(np.float32)


def mix(
    dry: Float[np.ndarray, " t"], rng: np.random.Generator, dynamics: str
) -> Float[np.ndarray, " t"]:
    """Put dry sound in a room and bring it to the loudness of its dynamics."""
    wet = float(rng.uniform(0.0, 0.35))
    room = int(rng.integers(len(_ROOMS))), int(rng.integers(_VARIANTS))
    tilt = float(np.clip(rng.normal(0, 0.5), -1.0, 1.0))  # dB an octave
    level = LOUDNESS[dynamics] + float(rng.uniform(-0.5, 0.5))
    size = _fast_size(len(dry) + round(_ROOMS[room[0]][0] * SAMPLE_RATE))
    spectrum = np.fft.rfft(dry, size)
    spectrum *= 10 ** (tilt / 20 * _octaves(size))
    spectrum *= 1.0 + wet * _room(*room, size)
    samples = np.fft.irfft(spectrum, size)[: len(dry)].astype(np.float32)
    return _bring_to(samples, level)


def _bring_to(samples: np.ndarray, decibels: float) -> np.ndarray:
    power = float(np.sqrt(np.mean(samples**2))) or 1.0
    samples = samples * (10 ** (decibels / 20) / power)
    return _limit(samples).astype(np.float32)


def _limit(samples: np.ndarray) -> np.ndarray:
    """Round off the peaks of drums; at most 4 dB, the rest is turned down."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= PEAK:
        return samples
    samples = samples * min(1.0, PEAK * _MOST_LIMITING / peak)
    over = np.maximum(np.abs(samples) - _KNEE, 0.0) / (PEAK - _KNEE)
    rounded = _KNEE + (PEAK - _KNEE) * np.tanh(over)
    return np.where(over > 0, np.sign(samples) * rounded, samples)


@lru_cache(maxsize=64)
def _fast_size(size: int) -> int:
    """The next size of small factors, which the FFT likes."""
    sizes = (2**a * 3**b * 5**c for a in range(8, 24) for b in range(3) for c in range(3))
    return min(s for s in sizes if s >= size)
