"""Sound in and out of files: any rate and channels in, 24 kHz mono in between, never clipped out.

>>> import tempfile
>>> tone = Waveform(0.5 * np.sin(np.arange(24_000) / 10).astype(np.float32))
>>> path = Path(tempfile.mkdtemp()) / "tone.wav"
>>> tone.save(path)
>>> read(path).seconds
1.0
"""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
import soxr
from jaxtyping import Float

from musiclm import mp3
from musiclm.errors import UserError

SAMPLE_RATE = 24_000  # paper section 3.1
PEAK = 0.98  # largest sample that is ever written
LOUDNESS = -14.0  # LUFS of what is generated
FORMATS = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}


@dataclass(frozen=True)
class Waveform:
    """Mono samples in [-1, 1] and their rate."""

    samples: Float[np.ndarray, " t"]
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.sample_rate

    def save(self, path: Path | str, metadata: Mapping[str, str] | None = None) -> None:
        """Write WAV, FLAC, OGG or MP3 by extension, whole or not at all; metadata as a comment."""
        path = Path(path)
        check_writable(path)
        kind = FORMATS[path.suffix.lower()]
        peak = float(np.abs(self.samples).max(initial=0.0))
        samples = self.samples * (PEAK / peak) if peak > PEAK else self.samples
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        try:
            with soundfile.SoundFile(name, "w", self.sample_rate, 1, format=kind) as file:
                if metadata:
                    file.comment = json.dumps(dict(metadata), ensure_ascii=False)
                    file.software = "musiclm"
                # libsndfile's Vorbis encoder crashes on a minute at once.
                for start in range(0, len(samples), self.sample_rate):
                    file.write(samples[start : start + self.sample_rate].astype(np.float32))
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)
            os.replace(name, path)
        except (OSError, soundfile.SoundFileError) as error:
            raise UserError(f"cannot write {path}: {error}") from error
        finally:
            Path(name).unlink(missing_ok=True)


def check_writable(path: Path | str) -> None:
    """Raise UserError now if `path` could not be written later."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"cannot write {path}: the extension must be one of {', '.join(FORMATS)}")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"cannot write {path}: the folder {path.parent} is not writable")


def read(path: Path | str, sample_rate: int = SAMPLE_RATE) -> Waveform:
    """A whole file as mono at `sample_rate`; UserError if it is not sound, empty or not finite."""
    with _open(path) as file:
        samples, rate = _samples(path, file, -1), file.samplerate
    if not len(samples):
        raise UserError(f"{path} holds no sound")
    return Waveform(_resample(samples, rate, sample_rate), sample_rate)


def probe(path: Path | str) -> float:
    """Seconds of a file, by its header; UserError if it is not sound."""
    with _open(path) as file:
        return file.frames / file.samplerate


def read_crop(
    path: Path | str, start_seconds: float, seconds: float, sample_rate: int = SAMPLE_RATE
) -> Float[np.ndarray, " t"]:
    """Exactly round(seconds * sample_rate) samples from a place in a file, zeros after its end.

    Seeks: the cost does not grow with the length of the file.
    """
    wanted = round(seconds * sample_rate)
    samples, rate = _stretch(Path(path), start_seconds, wanted / sample_rate)
    samples = _resample(samples, rate, sample_rate)[:wanted]
    return np.pad(samples, (0, wanted - len(samples)))


def _stretch(path: Path, start_seconds: float, seconds: float) -> tuple[np.ndarray, int]:
    """Mono samples of a part of a file at the file's rate, and that rate."""
    if places := _places(path):
        rate = places.sample_rate
        start = min(places.total, round(start_seconds * rate))
        try:
            return _mono(path, mp3.read(path, places, start, math.ceil(seconds * rate))), rate
        except soundfile.SoundFileError as error:
            raise UserError(f"{path} is damaged: {error}") from error
    with _open(path) as file:
        rate = file.samplerate
        file.seek(min(file.frames, round(start_seconds * rate)))
        return _samples(path, file, math.ceil(seconds * rate)), rate


def _places(path: Path) -> mp3.Index | None:
    """Of a long MP3, in which libsndfile would seek from the start."""
    if path.suffix.lower() != ".mp3" or not path.is_file() or path.stat().st_size < mp3.LONG:
        return None
    return mp3.index(path)


def normalise_loudness(
    samples: Float[np.ndarray, " t"], sample_rate: int, lufs: float = LOUDNESS
) -> Float[np.ndarray, " t"]:
    """Bring samples to a loudness (ITU-R BS.1770) as far as their peaks allow."""
    if len(samples) < sample_rate // 2:  # the meter needs a block of 0.4 s
        return samples
    loudness = pyloudnorm.Meter(sample_rate).integrated_loudness(samples.astype(np.float64))
    if not np.isfinite(loudness):  # silence has no loudness to correct
        return samples
    peak = float(np.abs(samples).max(initial=1e-9))
    return (samples * min(10 ** ((lufs - loudness) / 20), PEAK / peak)).astype(np.float32)


def _open(path: Path | str) -> soundfile.SoundFile:
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    try:
        return soundfile.SoundFile(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be read as sound: {error}") from error


def _samples(path: Path | str, file: soundfile.SoundFile, frames: int) -> np.ndarray:
    try:
        samples = file.read(frames, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    return _mono(path, samples)


def _mono(path: Path | str, channels: np.ndarray) -> np.ndarray:
    samples = channels.mean(axis=1)
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are not finite numbers")
    return samples


def _resample(samples: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    if rate == sample_rate or not len(samples):
        return samples
    return soxr.resample(samples, rate, sample_rate).astype(np.float32)
