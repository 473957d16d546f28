"""Where in its beat a frame is: the predominant local pulse (Grosche and Müller 2011).

Not in the paper. Onsets say that something begins; a small language model must then count frames to
keep time. The pulse counts for it: around each moment the strongest period of the onsets is found,
its sinusoids are laid over each other, and the phase of their sum is the place in the beat.

>>> mel = torch.zeros(1, 800, 8)
>>> mel[:, ::50] = 4.0  # a beat every half second
>>> phase = pulse(mel, steps=4)
>>> phase.shape  # cosine and sine, 25 frames a second
torch.Size([1, 200, 2])
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

RATE = 100  # mel frames a second
WINDOW, HOP = 400, 20  # mel frames: four seconds, so that a slow bar fits
SLOWEST, FASTEST, TEMPOS = 60.0, 190.0, 36  # beats a minute
MIDDLE, SPREAD = 105.0, 0.6  # beats a minute that people tap, and octaves of deviation
FLOOR = -8.0  # of log-mel: what is softer has no onsets
AROUND = 101  # mel frames, whose mean an onset must exceed


def pulse(mel: Float[Tensor, "b m bins"], steps: int) -> Float[Tensor, "b n 2"]:
    """[b n*steps bins] of log-mel at 100 Hz -> [b n 2]: 1, 0 on the beat, -1, 0 between beats."""
    onsets = novelty(mel)
    waves = _waves(mel.device)
    half = WINDOW // 2
    pieces = F.pad(onsets, (half, half)).unfold(-1, WINDOW, HOP)
    windowed = pieces * torch.hann_window(WINDOW, device=mel.device)
    real, imaginary = windowed @ waves.cosine.T, -(windowed @ waves.sine.T)
    best = ((real.square() + imaginary.square()).sqrt() * waves.prior).argmax(dim=-1, keepdim=True)
    real, imaginary = real.gather(-1, best), imaginary.gather(-1, best)
    length = (real.square() + imaginary.square()).sqrt().clamp_min(1e-6)
    real, imaginary, best = real / length, imaginary / length, best[..., 0]
    cosine, sine = waves.cosine[best], waves.sine[best]
    # The sinusoid of each window, turned to the phase that was found there.
    parts = (real * cosine - imaginary * sine, real * sine + imaginary * cosine)
    track = torch.stack([_overlap(part, mel.shape[1]) for part in parts], dim=-1)
    track = track / track.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return reduce(track, "b (n steps) two -> b n two", "mean", steps=steps)


def novelty(mel: Float[Tensor, "b m bins"]) -> Float[Tensor, "b m"]:
    """How much louder the bands become over 20 ms, above the second around it."""
    mel = mel.clamp_min(FLOOR)
    rise = F.pad((mel[:, 2:] - mel[:, :-2]).clamp_min(0.0).mean(dim=-1), (1, 1))
    around = F.avg_pool1d(rise[:, None], AROUND, 1, AROUND // 2, count_include_pad=False)
    return (rise - around[:, 0]).clamp_min(0.0)


class _Waves(NamedTuple):
    cosine: Float[Tensor, "tempos window"]
    sine: Float[Tensor, "tempos window"]
    prior: Float[Tensor, " tempos"]


def _waves(device: torch.device) -> _Waves:
    """Sinusoids of all tempos, at phase zero in the middle of a window."""
    tempos = torch.linspace(math.log(SLOWEST), math.log(FASTEST), TEMPOS, device=device).exp()
    time = (torch.arange(WINDOW, device=device) - WINDOW // 2) / RATE
    angle = 2.0 * math.pi * tempos[:, None] / 60.0 * time
    prior = (-0.5 * (torch.log2(tempos / MIDDLE) / SPREAD).square()).exp()
    return _Waves(angle.cos(), angle.sin(), prior)


def _overlap(pieces: Float[Tensor, "b w window"], length: int) -> Float[Tensor, "b m"]:
    """Windows laid over each other where they were cut."""
    pieces = pieces * torch.hann_window(WINDOW, device=pieces.device)
    whole = (pieces.shape[1] - 1) * HOP + WINDOW
    columns = rearrange(pieces, "b w window -> b window w")
    track = F.fold(columns, (1, whole), (1, WINDOW), stride=(1, HOP))[:, 0, 0]
    start = WINDOW // 2
    return F.pad(track, (0, max(0, start + length - whole)))[:, start : start + length]
