"""How loud each program of a soundfont is, so that a mix is balanced on any of them.

The same part differs by 20 dB between soundfonts, and some layer their samples by modulators that
tinysoundfont does not read: the piano of MuseScore General is 20 dB softer at velocities 74 to 107
than at 70. A program is measured when it is first played: its gain brings it to one level, and
where a louder stroke would sound softer it is played within its lowest layer.

>>> _first_layer([-60.0, -55.0, -52.0, -50.0, -75.0, -73.0, -72.0, -40.0, -39.0])
70
>>> _first_layer([float(level) for level in range(-60, -51)])
127
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.vocabulary import INSTRUMENTS

REFERENCE = -40.0  # dB of a note at velocity 88, lows weighed as the ear does
_KIT_REFERENCE = -43.0  # of the mean of kick, snare and closed hat
_KIT = (36, 38, 42)
_VELOCITIES = (30, 45, 60, 70, 78, 90, 100, 112, 122)
_USUAL = 88
_DEAD = 6.0  # dB below a softer stroke
_SECONDS = 0.7
_BOUNDS = (-24.0, 30.0)  # dB
_CHANNEL = 0
VOLUME, _ALL_SOUND_OFF = 7, 120  # MIDI controllers
_FLUSH = 0.2  # seconds in which cut voices die


class Levels:
    """Measures a loaded soundfont, each program once; whatever sounds on it is cut off before."""

    def __init__(self, font: Any, sample_rate: int = SAMPLE_RATE) -> None:
        self._font, self._rate = font, sample_rate
        self._known: dict[tuple[int, bool], tuple[float, int]] = {}

    def gain(self, program: int, drums: bool = False) -> float:
        """The factor that brings a part of volume 1 to the reference level."""
        return self._facts(program, drums)[0]

    def velocity(self, program: int, velocity: int, drums: bool = False) -> int:
        """The velocity to play so that louder strokes sound louder."""
        highest = self._facts(program, drums)[1]
        return velocity if highest == 127 else max(1, round(velocity * highest / 127))

    def _facts(self, program: int, drums: bool) -> tuple[float, int]:
        if (program, drums) not in self._known:
            self._known[program, drums] = self._measure(program, drums)
        return self._known[program, drums]

    def _measure(self, program: int, drums: bool) -> tuple[float, int]:
        silence(self._font, self._rate)  # the tail of another piece must not count
        self._font.channel_set_bank(_CHANNEL, 128 if drums else 0)
        self._font.channel_set_preset_number(_CHANNEL, program, drums)
        self._font.channel_midi_control(_CHANNEL, VOLUME, 100)
        if drums:
            level = float(np.mean([self._level(pitch, _USUAL) for pitch in _KIT]))
            return _factor(_KIT_REFERENCE - level), 127
        known = INSTRUMENTS.get(program)
        low, high = (known.low, known.high) if known else (48, 84)
        middle = (low + high) // 2
        highest = _first_layer([self._level(middle, v) for v in _VELOCITIES])
        usual = max(1, round(_USUAL * highest / 127))
        pitches = (low + (high - low) // 4, middle, low + 3 * (high - low) // 4)
        level = float(np.mean([self._level(pitch, usual) for pitch in pitches]))
        return _factor(REFERENCE - level) / (known.volume if known else 1.0), highest

    def _level(self, pitch: int, velocity: int) -> float:
        self._font.channel_note_on(_CHANNEL, pitch, velocity / 127)
        samples = self._render(_SECONDS)
        self._font.channel_note_off(_CHANNEL, pitch)
        self._font.channel_midi_control(_CHANNEL, _ALL_SOUND_OFF, 0)
        self._render(_FLUSH / 2)
        return _loudness(samples, self._rate)

    def _render(self, seconds: float) -> Float[np.ndarray, " t"]:
        return _rendered(self._font, seconds, self._rate)


def silence(font: Any, rate: int) -> None:
    """Cut off whatever sounds, on every channel: a render must not depend on the one before it."""
    for channel in range(16):
        font.channel_midi_control(channel, _ALL_SOUND_OFF, 0)
    _rendered(font, _FLUSH, rate)


def _rendered(font: Any, seconds: float, rate: int) -> Float[np.ndarray, " t"]:
    samples = np.zeros(round(seconds * rate), np.float32)
    font.render(samples.data.cast("B"), False)
    return samples


def balanced(volumes: Sequence[float]) -> list[int]:
    """MIDI channel volumes (which synthesizers cube) in proportion; the loudest gets 127."""
    top = max(volumes, default=1.0) or 1.0
    return [round(127 * (max(volume, 0.0) / top) ** (1 / 3)) for volume in volumes]


def _factor(decibels: float) -> float:
    return float(10 ** (np.clip(decibels, *_BOUNDS) / 20))


def _first_layer(levels: Sequence[float]) -> int:
    """The velocity up to which strokes grow louder: 127, unless a later one falls far behind."""
    for i in range(1, len(levels)):
        if levels[i] < max(levels[:i]) - _DEAD:
            return _VELOCITIES[i - 1]
    return 127


@lru_cache(maxsize=4)
def _weights(size: int, rate: int) -> Float[np.ndarray, " f"]:
    """Half the A-weighting in dB: the ear's dislike of lows at the level of music."""
    hertz = np.fft.rfftfreq(size, 1 / rate) + 1e-3
    squared = hertz**2
    curve = 12194.0**2 * squared**2 / (squared + 20.6**2) / (squared + 12194.0**2)
    curve /= np.sqrt((squared + 107.7**2) * (squared + 737.9**2))
    return np.sqrt(1.26 * curve)


def _loudness(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) * _weights(len(samples), rate)
    power = float(2 * (spectrum**2).sum()) / len(samples) ** 2
    return 10 * float(np.log10(power + 1e-18))
