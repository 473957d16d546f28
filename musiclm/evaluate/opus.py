"""Opus there and back: the codec that ours is compared with, run by its own encoder.

Opus delays the sound; decoders skip what they know of the delay, and `align` removes the rest, so
that no distance is blamed on a shift.

    back, kbps = round_trip(wave, kbps=6)
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, Waveform, read
from musiclm.errors import UserError

MISSING = "not measured: install opus-tools"
MOST_LAG = SAMPLE_RATE // 20  # 50 ms: more than any Opus frame
OGG_HEADER = 27  # bytes of a page before its table of segments


@dataclass(frozen=True)
class Opus:
    """A way to run it."""

    kbps: int  # asked for
    constant: bool  # held to that rate; left alone it takes what the music needs

    def __str__(self) -> str:
        return (
            f"Opus at {self.kbps} kbps, {'constant' if self.constant else 'variable, its default'}"
        )


OPUS = tuple(Opus(kbps, constant) for constant in (True, False) for kbps in (6, 12))


def encoder() -> str | None:
    """The Opus encoder of this computer: "opusenc", "ffmpeg" or None."""
    if shutil.which("opusenc") and shutil.which("opusdec"):
        return "opusenc"
    if shutil.which("ffmpeg"):
        listed = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True)
        return "ffmpeg" if b"libopus" in listed.stdout else None
    return None


def round_trips(
    wave: Float[Tensor, "b 1 t"], how: Opus, tool: str
) -> tuple[Float[Tensor, "b 1 t"], list[float]]:
    """Each example there and back, and its kbit/s."""
    both = [round_trip(one, how.kbps, tool, constant=how.constant) for one in wave[:, 0].numpy()]
    backs, kbps = zip(*both, strict=True)
    return torch.from_numpy(np.stack(backs))[:, None], list(kbps)


def round_trip(
    samples: Float[np.ndarray, " t"], kbps: int, tool: str | None = None, *, constant: bool = False
) -> tuple[Float[np.ndarray, " t"], float]:
    """What Opus leaves of 24 kHz mono samples, aligned, and the kbit/s it really used.

    Left alone Opus varies its bit-rate and takes what music needs, which at 12 kbit/s is a third
    more; `constant` holds it to the rate that it was asked for.
    """
    tool = tool or encoder()
    if tool is None:
        raise UserError(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        source, coded, back = (Path(folder) / name for name in ("a.wav", "a.opus", "b.wav"))
        Waveform(samples).save(source)
        for command in _commands(tool, source, coded, back, kbps, constant):
            done = subprocess.run(command, capture_output=True)
            if done.returncode:
                last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
                raise UserError(f"{tool} failed: {' '.join(last)}")
        used = 8e-3 * payload_bytes(coded.read_bytes()) / (len(samples) / SAMPLE_RATE)
        return align(samples, read(back).samples), used


def _commands(
    tool: str, source: Path, coded: Path, back: Path, kbps: int, constant: bool
) -> list[list[str]]:
    if tool == "opusenc":
        rate = ["--bitrate", str(kbps), *(["--hard-cbr"] if constant else [])]
        return [
            ["opusenc", "--quiet", *rate, str(source), str(coded)],
            ["opusdec", "--quiet", "--rate", str(SAMPLE_RATE), str(coded), str(back)],
        ]
    silent = ["ffmpeg", "-v", "error", "-y", "-i"]
    rate = ["-b:a", str(kbps * 1000), "-vbr", "off" if constant else "on"]
    return [
        [*silent, str(source), "-c:a", "libopus", *rate, str(coded)],
        [*silent, str(coded), "-ar", str(SAMPLE_RATE), "-ac", "1", str(back)],
    ]


def payload_bytes(ogg: bytes) -> int:
    """Bytes of sound in an Ogg file: neither its page headers nor its two pages of description."""
    total, place, page = 0, 0, 0
    while ogg[place : place + 4] == b"OggS":
        segments = ogg[place + OGG_HEADER - 1]
        start = place + OGG_HEADER
        size = sum(ogg[start : start + segments])
        total += size if page >= 2 else 0
        place, page = start + segments + size, page + 1
    return total


def align(
    reference: Float[np.ndarray, " t"], late: Float[np.ndarray, " u"]
) -> Float[np.ndarray, " t"]:
    """`late` shifted by the lag at which it correlates best with `reference`, of its length."""
    shift = lag(reference, late)
    moved = late[shift:] if shift >= 0 else np.pad(late, (-shift, 0))
    moved = moved[: len(reference)]
    return np.pad(moved, (0, len(reference) - len(moved))).astype(np.float32)


def lag(reference: Float[np.ndarray, " t"], late: Float[np.ndarray, " u"]) -> int:
    """By how many samples `late` comes after `reference` (50 ms at most)."""
    size = 1 << (len(reference) + len(late) - 1).bit_length()
    spectrum = np.fft.rfft(late, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(spectrum, size)
    lags = np.arange(-MOST_LAG, MOST_LAG + 1)
    # Ties (silence) go to no shift at all.
    order = np.argsort(np.abs(lags), kind="stable")
    return int(lags[order[np.argmax(correlation[lags[order]])]])
