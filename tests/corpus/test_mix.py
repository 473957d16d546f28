"""What the desk and the room do, by style, and that programs come out equally loud."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.levels import REFERENCE, Levels, balanced
from musiclm.corpus.mix import PEAK, PRODUCTIONS, mix
from musiclm.corpus.style import PRODUCTIONS as NAMES
from musiclm.corpus.styles import STYLES
from musiclm.corpus.vocabulary import INSTRUMENTS

FONTS = [Path("/usr/share/sounds/sf2/TimGM6mb.sf2"), Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")]
INSTALLED = [path for path in FONTS if path.is_file()]


def _burst() -> np.ndarray:
    """Half a second of noise, then silence."""
    samples = np.zeros(3 * SAMPLE_RATE, np.float32)
    samples[: SAMPLE_RATE // 2] = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE // 2)
    return samples


def _share_above(samples: np.ndarray, hertz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power[np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE) > hertz].sum() / power.sum())


def _tail(samples: np.ndarray) -> float:
    """Energy after 0.8 s by that of the burst."""
    return float((samples[20_000:] ** 2).sum() / (samples[:12_000] ** 2).sum())


def test_every_style_keeps_length_bounds_and_loudness() -> None:
    assert set(PRODUCTIONS) == set(NAMES)
    tone = 0.2 * np.sin(np.arange(SAMPLE_RATE * 2) * 0.05).astype(np.float32)
    for name in STYLES:
        samples = mix(tone, np.random.default_rng(1), "medium", name)
        assert samples.shape == tone.shape and samples.dtype == np.float32
        assert 0 < np.abs(samples).max() <= PEAK
        assert -19 < 20 * np.log10(np.sqrt(np.mean(samples**2))) < -17
        again = mix(tone, np.random.default_rng(1), "medium", name)
        assert (samples == again).all()


def test_silence_stays_silent() -> None:
    for name in ("lo-fi", "rock", "classical"):
        silence = np.zeros(SAMPLE_RATE, np.float32)
        assert not mix(silence, np.random.default_rng(0), "loud", name).any()


def test_lo_fi_is_dull_and_crackles_but_keeps_time() -> None:
    clean = [_share_above(mix(_burst(), np.random.default_rng(i), "soft"), 6000) for i in range(4)]
    old = [
        _share_above(mix(_burst(), np.random.default_rng(i), "soft", "lo-fi"), 6000)
        for i in range(4)
    ]
    assert np.mean(old) < 0.4 * np.mean(clean)
    click = np.zeros(SAMPLE_RATE * 2, np.float32)
    click[SAMPLE_RATE :: SAMPLE_RATE // 4] = 1.0
    aged = mix(click, np.random.default_rng(3), "soft", "lo-fi")
    assert abs(int(np.abs(aged[: SAMPLE_RATE + 2000]).argmax()) - SAMPLE_RATE) < 60  # 2.5 ms
    assert np.count_nonzero(np.abs(aged[: SAMPLE_RATE - 100]) > 1e-4) > 5  # dust before the music


def test_a_hall_rings_longer_than_a_dry_room() -> None:
    hall = [_tail(mix(_burst(), np.random.default_rng(i), "soft", "classical")) for i in range(6)]
    dry = [_tail(mix(_burst(), np.random.default_rng(i), "soft", "funk")) for i in range(6)]
    assert np.mean(hall) > 10 * np.mean(dry)


def test_compression_brings_loud_and_soft_together() -> None:
    steps = np.repeat([0.05, 0.5], SAMPLE_RATE).astype(np.float32)
    samples = steps * np.random.default_rng(0).standard_normal(len(steps)).astype(np.float32)

    def spread(style: str | None) -> float:
        mixed = mix(samples, np.random.default_rng(2), "soft", style)
        return float(mixed[SAMPLE_RATE:].std() / mixed[:SAMPLE_RATE].std())

    assert spread("techno") < 0.9 * spread(None)


def test_volumes_keep_their_proportions() -> None:
    assert balanced([1.0, 0.125]) == [127, 64]
    assert balanced([8.0, 1.0, 0.0]) == [127, 64, 0]


@pytest.fixture(scope="module", params=INSTALLED, ids=lambda path: path.stem)
def font(request: pytest.FixtureRequest) -> Any:
    native = pytest.importorskip("tinysoundfont")._tinysoundfont
    font = native.SoundFont(str(request.param))
    font.set_output(native.OutputMode.Mono, SAMPLE_RATE, -8.0)
    return font


@pytest.mark.skipif(not INSTALLED, reason="no soundfont is installed")
def test_levels_bring_instruments_to_one_loudness(font: Any) -> None:
    levels = Levels(font)
    heard = []
    for program in (0, 25, 40, 46, 62, 73, 80):
        middle = (INSTRUMENTS[program].low + INSTRUMENTS[program].high) // 2
        decibels = levels._level(middle, levels.velocity(program, 88))
        assert decibels < 0
        factor = levels.gain(program) * INSTRUMENTS[program].volume
        font.channel_set_preset_number(0, program, False)
        heard.append(levels._level(middle, levels.velocity(program, 88)) + 20 * np.log10(factor))
    assert max(abs(np.array(heard) - REFERENCE)) < 6.0, heard
    assert levels.velocity(73, 100) == 100  # nothing is wrong with this one
    font.channel_note_on(3, 60, 1.0)  # a tail of other music does not count
    again = Levels(font)
    assert again.gain(73) == levels.gain(73)
