"""A small corpus with known facts: clicks are drums, tones are families, and both keep time."""

from pathlib import Path

import numpy as np
import pytest

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.data.manifest import Clip

SECONDS = 10.0
BPM = {"slow": 60.0, "medium": 110.0, "fast": 170.0}
FAMILIES = ("keys", "winds")


def beats(bpm: float, seconds: float = SECONDS) -> np.ndarray:
    """Seconds since the last beat, at each sample."""
    return (np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE) % (60.0 / bpm)


def play(rng: np.random.Generator, bpm: float, family: str, drums: bool) -> np.ndarray:
    since = beats(bpm)
    time = np.arange(len(since)) / SAMPLE_RATE
    hertz = 220.0 * 2 ** (rng.integers(12) / 12)
    partials = (1, 2, 3, 4) if family == "keys" else (1,)
    tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in partials)
    wave = 0.2 * tone * np.exp(-since * (6.0 if family == "keys" else 1.5))
    if drums:
        wave = wave + 0.4 * rng.standard_normal(len(since)) * np.exp(-since * 60.0)
    return (0.5 * wave).astype(np.float32)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder: Path = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(48):
        tempo, drums = list(BPM)[i % 3], bool(i // 3 % 2)
        family = FAMILIES[i // 6 % 2]
        bpm = BPM[tempo] * rng.uniform(0.96, 1.04)
        path = folder / f"{i}.wav"
        Waveform(play(rng, bpm, family, drums)).save(path)
        labels = {
            "texture": "band" if drums else "solo",
            "families": [family],
            "drums": drums,
            "tempo_class": tempo,
            "bpm": bpm,
            "key": "CDEFGAB"[i % 7],
            "mode": ("major", "minor")[i % 2],
            "style": "march" if drums else "waltz",
        }
        caption = f"{tempo} {family} {'with' if drums else 'without'} drums, number {i}"
        split = "test" if i >= 36 else "train"
        rows.append(
            Clip(str(i), str(path), SECONDS, split, str(i), captions=(caption,), labels=labels)
        )
    return rows
