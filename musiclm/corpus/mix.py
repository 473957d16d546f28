"""The room, the desk and the level: reverberation, equalisation, compression and loudness.

The renderer's sound is mono from the start: a stereo image folds to one channel by construction,
so panning is not drawn. What a mono clip can have is drawn for its style: a room (small rooms, a
hall, a plate, a spring), a tilt of the spectrum, a narrow band, saturation, compression, and for
lo-fi the wow and crackle of an old record. Rooms are noise that decays, multiplied in the
frequency domain with the equaliser; a clip costs two FFTs.

>>> dry = np.zeros(24_000, np.float32); dry[0] = 1.0
>>> wet = mix(dry, np.random.default_rng(0), dynamics="medium")
>>> wet.shape, bool(np.abs(wet).max() < 0.95)
((24000,), True)
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Float

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.styles import STYLES

PEAK = 0.94
LOUDNESS = {"soft": -20.0, "medium": -18.0, "loud": -16.0}  # dB, root mean square
_VARIANTS = 4
_KNEE = 0.6
_MOST_LIMITING = 1.6  # 4 dB
_RUMBLE = 20.0  # Hz: nothing is kept below
_PIVOT = 800.0  # Hz, where a tilt turns
_FRAME = 240  # samples: the compressor hears the level every 10 ms
_WOW_HERTZ, _WOW_SECONDS = 0.55, 0.0008  # how fast and how far an old turntable wanders


@dataclass(frozen=True)
class Room:
    """Seconds until it has faded by 60 dB, cutoff in Hz, and the echo's distance in seconds."""

    kind: str
    seconds: float
    cutoff: float
    delay: float


ROOMS = (
    Room("room", 0.25, 6000.0, 0.008),
    Room("room", 0.4, 5000.0, 0.008),
    Room("room", 0.6, 4500.0, 0.010),
    Room("room", 0.8, 4000.0, 0.012),
    Room("hall", 1.3, 3500.0, 0.022),
    Room("hall", 1.8, 3200.0, 0.028),
    Room("plate", 1.0, 8000.0, 0.001),
    Room("spring", 0.9, 3800.0, 0.030),
)


@dataclass(frozen=True)
class Production:
    """Which rooms, how much of them, and what the desk does."""

    rooms: tuple[int, ...]
    wet: tuple[float, float]
    drive: float = 0.0  # of the saturation
    ratio: float = 1.0  # of the compressor
    band: tuple[float, float] = (0.0, 12_000.0)  # Hz, gentle edges
    record: bool = False  # wow and crackle


PRODUCTIONS = {
    "natural": Production((0, 1, 2, 3), (0.0, 0.35)),
    "hall": Production((2, 3, 4, 5), (0.15, 0.5)),
    "club": Production((0, 1, 6), (0.0, 0.2), drive=0.5, ratio=2.5),
    "dry": Production((0, 1), (0.0, 0.18), ratio=1.8),
    "plate": Production((1, 6, 6), (0.1, 0.35), ratio=1.8),
    "spring": Production((0, 7, 7), (0.05, 0.3), drive=0.2, ratio=1.5),
    "loud": Production((1, 2), (0.0, 0.22), drive=0.8, ratio=2.5),
    "lofi": Production((0, 1), (0.0, 0.2), drive=0.5, ratio=2.0, band=(60.0, 4200.0), record=True),
}


@lru_cache(maxsize=64)
def _room(index: int, variant: int, size: int) -> Complex[np.ndarray, " f"]:
    room = ROOMS[index]
    rng = np.random.default_rng([index, variant])
    length = min(round(room.seconds * SAMPLE_RATE), size // 2)
    time = np.arange(length) / SAMPLE_RATE
    noise = rng.normal(size=length) * np.exp(-6.9 * time / room.seconds)
    if room.kind == "spring":  # a train of echoes, each more blurred than the one before
        phase = np.mod(time, 0.037) / 0.037
        blur = np.minimum(0.08 + 0.6 * time / room.seconds, 1.0)
        noise *= np.exp(-phase / blur)
    noise[: round(room.delay * SAMPLE_RATE)] = 0.0  # the walls are some metres away
    spectrum = np.fft.rfft(noise, size)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    spectrum /= np.sqrt(1 + (hertz / room.cutoff) ** 2) * np.sqrt((noise**2).sum())
    spectrum[hertz < 150] *= 0.3  # a rumbling room only blurs the bass
    return spectrum.astype(np.complex64)


@lru_cache(maxsize=16)
def _octaves(size: int) -> Float[np.ndarray, " f"]:
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return np.log2(np.clip(hertz, 60.0, 8000.0) / _PIVOT).astype(np.float32)


@lru_cache(maxsize=16)
def _band(low: float, high: float, size: int) -> Float[np.ndarray, " f"]:
    """Gains of a band: 12 dB an octave above it, 6 below."""
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE) + 1e-3
    return (1 / np.hypot(1, low / hertz) / (1 + (hertz / high) ** 2)).astype(np.float32)


def mix(
    dry: Float[np.ndarray, " t"],
    rng: np.random.Generator,
    dynamics: str,
    style: str | None = None,
) -> Float[np.ndarray, " t"]:
    """Put dry sound in a room of its style and bring it to the loudness of its dynamics."""
    desk = PRODUCTIONS[STYLES[style].production if style else "natural"]
    wet = float(rng.uniform(*desk.wet))
    index = desk.rooms[int(rng.integers(len(desk.rooms)))]
    variant = int(rng.integers(_VARIANTS))
    tilt = float(np.clip(rng.normal(0, 0.5), -1.0, 1.0))  # dB an octave
    level = LOUDNESS[dynamics] + float(rng.uniform(-0.5, 0.5))
    if desk.drive:
        dry = _saturate(dry, desk.drive * float(rng.uniform(0.5, 1.0)))
    size = _fast_size(len(dry) + round(ROOMS[index].seconds * SAMPLE_RATE))
    spectrum = np.fft.rfft(dry, size)
    gains = np.exp2(tilt / 6.02 * _octaves(size))
    if desk.band != (0.0, 12_000.0):
        gains *= _band(*desk.band, size)
    spectrum *= gains
    spectrum[: round(_RUMBLE * size / SAMPLE_RATE)] = 0.0  # some soundfonts carry an offset
    spectrum *= 1.0 + wet * _room(index, variant, size)
    samples = np.fft.irfft(spectrum, size)[: len(dry)].astype(np.float32)
    if desk.ratio > 1.0:
        samples = _compress(samples, desk.ratio)
    if desk.record:
        samples = _age(samples, rng)
    return _bring_to(samples, level)


def _saturate(samples: np.ndarray, drive: float) -> np.ndarray:
    """Tape-like rounding: the loudest moments are driven into a curve."""
    power = float(np.sqrt(np.mean(samples**2)))
    if power == 0.0:
        return samples
    scaled = samples * np.float32(drive * 0.35 / power)
    return np.tanh(scaled) / np.float32(drive)


def _compress(samples: np.ndarray, ratio: float) -> np.ndarray:
    """Turn down what is louder than the mean level, smoothly, by the level every 10 ms."""
    frames = len(samples) // _FRAME
    if frames < 4:
        return samples
    power = np.sqrt(np.mean(samples[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1))
    power = np.convolve(np.pad(power, 2, mode="edge"), np.full(5, 0.2), "valid")
    threshold = float(np.sqrt(np.mean(power**2))) or 1.0
    over = np.maximum(power / threshold, 1.0)
    gain = over ** (1 / ratio - 1)
    centres = (np.arange(frames) + 0.5) * _FRAME
    return samples * np.interp(np.arange(len(samples)), centres, gain).astype(np.float32)


def _age(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The wow of a turntable and the crackle of dust; under a millisecond, so no beat moves."""
    time = np.arange(len(samples))
    phase = 2 * np.pi * (_WOW_HERTZ * time / SAMPLE_RATE + rng.random())
    place = time + _WOW_SECONDS * SAMPLE_RATE * (1 + np.sin(phase))
    samples = np.interp(place, time, samples).astype(np.float32)
    loudness = float(np.sqrt(np.mean(samples**2)))
    if not loudness:
        return samples
    clicks = int(rng.poisson(len(samples) / SAMPLE_RATE * rng.uniform(2, 12)))
    at = rng.integers(0, max(len(samples) - 3, 1), clicks)
    size = (rng.exponential(0.35, clicks) * loudness * rng.choice((-1, 1), clicks)).astype("f4")
    for shift, share in ((0, 1.0), (1, -0.6), (2, 0.25)):
        np.add.at(samples, at + shift, np.float32(share) * size)
    hiss = rng.standard_normal(len(samples), np.float32)
    return samples + hiss * np.float32(loudness * 0.004)


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
