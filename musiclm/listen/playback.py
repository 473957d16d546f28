"""What raters hear: every clip at one loudness, rate and format, so that only music differs.

Files of different systems differ in rate, format, level and in what they say of themselves; a rater
must not see or hear any of that. Clips are cut to the length of the test, brought to -23 LUFS
(EBU R 128: low enough that hardly any clip would clip), and kept as 48 kHz mono FLAC without
metadata, once for all tests, by the content of their files.

>>> import tempfile
>>> folder = Path(tempfile.mkdtemp())
>>> path = written(noise(2.0), folder, "0" * 64)
>>> path.parent == folder, read(path, RATE).seconds
(True, 2.0)
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float

from musiclm.audio import Waveform, normalise_loudness, read
from musiclm.errors import UserError
from musiclm.evaluate.sound import Progress, quiet
from musiclm.listen.experiment import ANCHOR, NOISE, REFERENCE, Experiment

RATE = 48_000  # no lower than any common one, and the same for all
LEVEL = -23.0  # LUFS
FADE = 0.02  # seconds at the end of what is cut
# The low anchor of ITU-R BS.1534-3: whole up to 3.5 kHz, 25 dB down at 4 kHz. The resampler keeps
# 91 % of what a rate can carry.
ANCHOR_RATE = 7700
NOISE_SECONDS = 10.0
VERSION = 1  # of all this: raise it when clips would sound different

Sounds = Mapping[tuple[str, str], Path]  # files by sound and prompt


def prepare(
    experiment: Experiment, cache: Path | None = None, progress: Progress = quiet
) -> Sounds:
    """Make what is not in the cache yet; UserError if a clip cannot be read."""
    cache = cache or default_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {cache}: {error.strerror}") from error
    sounds: dict[tuple[str, str], Path] = {}
    for done, (key, path) in enumerate(sorted(experiment.clips.items())):
        progress("prepare", done, len(experiment.clips))
        digest, seconds = experiment.digests[key], experiment.seconds
        sounds[key] = _kept(path, cache, digest, seconds, anchor=False)
        if key[0] == REFERENCE:
            sounds[ANCHOR, key[1]] = _kept(path, cache, digest, seconds, anchor=True)
    progress("prepare", len(experiment.clips), len(experiment.clips))
    seconds = min(experiment.seconds, NOISE_SECONDS)
    steady = written(noise(seconds), cache, _hash("noise", seconds))
    return sounds | {(NOISE, prompt.key): steady for prompt in experiment.prompts}


def default_cache() -> Path:
    """Where prepared clips are kept between tests."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "musiclm" / "listen"


def noise(seconds: float | int) -> Float[np.ndarray, " t"]:
    """Steady pink noise, always the same."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    pink = np.fft.irfft(spectrum, count)
    return levelled((pink / np.abs(pink).max()).astype(np.float32))


def low_anchor(samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """Without anything above 3.5 kHz: through a rate that can carry no more, and back."""
    low = soxr.resample(samples, RATE, ANCHOR_RATE)
    again = soxr.resample(low, ANCHOR_RATE, RATE).astype(np.float32)[: len(samples)]
    return np.pad(again, (0, len(samples) - len(again)))


def levelled(samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """At the loudness of all clips."""
    return normalise_loudness(samples, RATE, LEVEL)


def written(samples: Float[np.ndarray, " t"], folder: Path, digest: str) -> Path:
    """A file of these samples that tells nothing else."""
    path = folder / f"{digest}.flac"
    Waveform(samples, RATE).save(path)
    return path


def _kept(path: Path, cache: Path, digest: str, seconds: float, *, anchor: bool) -> Path:
    name = _hash(digest, seconds, anchor)
    ready = cache / f"{name}.flac"
    if ready.is_file():
        return ready
    samples = read(path, RATE).samples
    wanted = round(seconds * RATE)
    if len(samples) > wanted:
        samples = samples[:wanted].copy()
        fade = round(FADE * RATE)
        samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    samples = low_anchor(samples) if anchor else samples
    return written(levelled(samples), cache, name)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr((VERSION, *parts)).encode()).hexdigest()
