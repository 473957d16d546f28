"""Reads one recording wholly, block by block, and notes what `faults` needs to judge it.

Two seconds are in memory at a time, so three hours cost no more memory than one minute. No fault
of a file may stop a run over millions: whatever a decoder says becomes a fact.

>>> listen("no/such.wav").faults
{'unreadable': 'No such file or directory'}
"""

import base64
import contextlib
import hashlib
import math
import multiprocessing
import os
import stat
from collections.abc import Callable, Iterator
from io import BufferedReader

import numpy as np
import soundfile
import torch
from jaxtyping import Float, UInt32

from musiclm.data import frames
from musiclm.data.faults import SILENT_DB, Facts
from musiclm.data.fingerprint import Fingerprinter

MOMENT = 0.5  # seconds whose loudness is measured
BLOCK = 4  # moments that are decoded at a time
FLAT_SECONDS = 1 / 6000  # a flat peak of four samples at 24 kHz
ROUND = 12  # steps that a cut peak falls within half its width; a rounded one falls four
_STEPS = {"PCM_U8": 128, "PCM_S8": 128, "ULAW": 32, "ALAW": 32, "IMA_ADPCM": 32, "MS_ADPCM": 32}
_FINEST = 32768  # steps from zero to full scale; what is finer is not told apart
_SLACK = 2400  # samples that a decoder may hold back or add at the ends of MP3


def listener() -> Callable[[str], Facts]:
    """For `parallel.spread`."""
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)  # one of many workers: each has a core
    return listen


def listen(path: str) -> Facts:
    """All that is to be known of a file; never raises for what is in it."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Facts(faults={"unreadable": "not a file"})
        with open(path, "rb") as raw, _no_chatter():
            return _listen(path, raw)
    except OSError as error:
        return Facts(faults={"unreadable": error.strerror or str(error)})
    except Exception as error:  # decoders of damaged files raise what they like
        return Facts(faults={"unreadable": f"{type(error).__name__}: {error}"})


def _listen(path: str, raw: BufferedReader) -> Facts:
    if not raw.peek(1):
        return Facts(faults={"unreadable": "the file is empty"})
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        return Facts(faults={"unreadable": getattr(error, "error_string", str(error)).strip(". ")})
    with file:
        found = _byte_faults(file, raw)
        if "unreadable" in found:
            return Facts(faults=found)
        meter = Meter(file)
        stopped = meter.run()
        found = found or _end_faults(file, raw, meter, stopped)
        return meter.facts(found)


def _byte_faults(file: soundfile.SoundFile, raw: BufferedReader) -> frames.Faults:
    if file.format in ("WAV", "WAVEX", "RF64"):
        return frames.wav_faults(raw)
    if file.format == "OGG":
        return frames.ogg_faults(raw)
    return frames.mp3_faults(raw) if file.format in ("MP3", "MPEG") else {}


def _end_faults(
    file: soundfile.SoundFile, raw: BufferedReader, meter: "Meter", stopped: str
) -> frames.Faults:
    """What only decoding shows: an error on the way, or another number of samples."""
    if file.format == "FLAC":
        return _flac_faults(raw, meter, stopped)
    if stopped:
        return {"corrupt_frames": f"after {meter.seconds:.3g} s: {stopped}"}
    if not meter.count:
        return {"unreadable": "it holds no sound"}
    missing = file.frames - meter.count
    if abs(missing) <= (_SLACK if file.format in ("MP3", "MPEG") else 0):
        return {}
    rate = file.samplerate
    promised = f"states {file.frames / rate:.3f} s and holds {meter.count / rate:.3f} s"
    return {"truncated" if missing > 0 else "wrong_header_length": promised}


def _flac_faults(raw: BufferedReader, meter: "Meter", stopped: str) -> frames.Faults:
    """Where the last frame ends, and the sum of all samples."""
    info = frames.flac_info(raw)
    reach = frames.flac_reach(raw, info)
    if not reach:
        return {"unreadable": "it has a header and no sound"}
    if info.total and reach > info.total:
        return {"wrong_header_length": f"states {info.total} samples and holds {reach}"}
    if reach < info.total:
        return {"truncated": f"{info.total - reach} of {info.total} samples are missing"}
    if stopped and info.total - meter.count <= info.block:
        return {"truncated": "its last frame is not whole"}
    if stopped:
        return {"corrupt_frames": f"after {meter.seconds:.3g} s: {stopped}"}
    if meter.md5 is not None and any(info.md5) and meter.md5.digest() != info.md5:
        return {"corrupt_frames": "its samples do not sum to what its header says"}
    return {}


class Meter:
    """Goes through an open file once and measures."""

    def __init__(self, file: soundfile.SoundFile):
        self.file = file
        self.rate, self.channels = file.samplerate, file.channels
        self.count = 0
        self.step = 1.0 / _STEPS.get(file.subtype, _FINEST)
        self.peaks = [FlatPeaks(self.step, self.rate) for _ in range(2)]
        self.sums = np.zeros(self.channels)
        self.energies: list[np.ndarray] = []  # of each moment, mixed to mono
        self.not_finite = 0
        self.digest = hashlib.sha256(f"{self.rate} {self.channels}".encode())
        bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(file.subtype, 0)
        self.bits = bits if file.format == "FLAC" else 0
        self.md5 = hashlib.md5(usedforsecurity=False) if self.bits else None
        self.printer = Fingerprinter(self.rate)
        self.moment = max(1, round(MOMENT * self.rate))

    @property
    def seconds(self) -> float:
        """Decoded so far."""
        return self.count / self.rate

    def run(self) -> str:
        """Decode to the end; what the decoder says if it stops before."""
        block = np.empty((BLOCK * self.moment, self.channels), np.float32)
        with contextlib.suppress(soundfile.SoundFileError):  # at the end it has nothing to say
            self.file.seek(0)
        try:
            while len(samples := self.file.read(out=block)):
                self._take(samples)
        except (soundfile.SoundFileError, RuntimeError) as error:
            return getattr(error, "error_string", str(error)).strip(". ")
        finally:
            self.printer.push(np.zeros(0, np.float32), last=True)
        return ""

    def _take(self, samples: np.ndarray) -> None:
        self.count += len(samples)
        self.digest.update(samples.data)
        top, bottom = float(samples.max()), float(samples.min())
        if not math.isfinite(top - bottom):
            bad = ~np.isfinite(samples)
            self.not_finite += int(bad.sum())
            samples = np.where(bad, np.float32(0), samples)
            top, bottom = float(samples.max()), float(samples.min())
        if self.md5 is not None:
            self.md5.update(_as_integers(samples, self.bits))
        self.peaks[0].take(samples, top)
        self.peaks[1].take(samples, -bottom, -1)
        self.sums += np.ones(len(samples), np.float32) @ samples
        mono = samples @ np.full(self.channels, 1 / self.channels, np.float32)
        moments = np.resize(mono, (-(-len(mono) // self.moment), self.moment))  # fills by repeating
        self.energies.append(np.einsum("mt,mt->m", moments, moments) / self.moment)
        self.printer.push(mono)

    def facts(self, found: frames.Faults) -> Facts:
        """What was measured, rounded."""
        energies = np.concatenate([*self.energies, np.zeros(0)])
        moments = [_decibels(energy) for energy in energies]
        dc = self.sums / max(1, self.count)
        return Facts(
            form=f"{self.file.format} {self.file.subtype}",
            sample_rate=self.rate,
            channels=self.channels,
            seconds=round(self.seconds, 6),
            peak=float(f"{max(0.0, *(peaks.level for peaks in self.peaks)):.6g}"),
            rms_db=round(_decibels(energies.mean() if len(energies) else 0.0), 2),
            loudest_db=round(max(moments, default=-200.0), 2),
            silent_share=round(float(np.mean(np.array(moments or [0.0]) < SILENT_DB)), 4),
            clipped_share=round(sum(p.count for p in self.peaks) / max(1, self.count), 6),
            dc=float(f"{dc[np.abs(dc).argmax()]:.4g}"),
            not_finite=self.not_finite,
            digest=self.digest.hexdigest()[:32] if self.count else "",
            prints=_pack(self.printer.words()),
            faults=found,
        )


class FlatPeaks:
    """Counts the samples that lie on flattened peaks on one side of zero.

    Only runs at the highest level of the whole file count: a limiter or a codec rounds its peaks,
    and what was cut is cut at one level.
    """

    def __init__(self, step: float, rate: int):
        self.step = step
        self.shortest = max(4, math.ceil(FLAT_SECONDS * rate))
        self.level = 0.0
        self.count = 0

    def take(self, samples: Float[np.ndarray, "t c"], top: float, sign: int = 1) -> None:
        """Look at a block whose highest sample on this side is `top`."""
        if top > self.level + self.step / 2:
            self.level, self.count = top, 0
        if top < self.level - self.step / 2 or self.level < 2 * ROUND * self.step:
            return
        high = (
            samples >= self.level - self.step / 2
            if sign > 0
            else (samples <= self.step / 2 - self.level)
        )
        if np.count_nonzero(high) >= self.shortest:
            for channel in np.flatnonzero(np.count_nonzero(high, axis=0) >= self.shortest):
                self.count += self._runs(high[:, channel], samples[:, channel] * sign)

    def _runs(self, high: np.ndarray, wave: np.ndarray) -> int:
        borders = np.flatnonzero(np.diff(high.view(np.int8), prepend=0, append=0))
        starts, lengths = borders[::2], borders[1::2] - borders[::2]
        long = lengths >= self.shortest
        starts, lengths = starts[long], lengths[long]
        half = lengths // 2
        before = wave[np.maximum(starts - half, 0)]
        after = wave[np.minimum(starts + lengths - 1 + half, len(wave) - 1)]
        cut = self.level - np.minimum(before, after) > ROUND * self.step
        return int(lengths[cut].sum())


def unpack(prints: str) -> UInt32[np.ndarray, " _"]:
    """Fingerprint words of `Facts.prints`."""
    return np.frombuffer(base64.b85decode(prints), "<u4").astype(np.uint32)


def _pack(words: UInt32[np.ndarray, " _"]) -> str:
    return base64.b85encode(words.astype("<u4").tobytes()).decode()


def _as_integers(samples: np.ndarray, bits: int) -> bytes:
    """Samples as FLAC sums them: little-endian integers of whole bytes."""
    whole = (samples * 2.0 ** (bits - 1)).astype("<i4" if bits > 16 else f"<i{bits // 8}")
    if bits != 24:
        return whole.tobytes()
    return np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _decibels(energy: float) -> float:
    return 10 * math.log10(max(float(energy), 1e-20))


@contextlib.contextmanager
def _no_chatter() -> Iterator[None]:
    """mpg123 prints on damaged files; whoever runs a check is told by its report."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error to speak to
        yield
        return
    silence = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(silence, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)
