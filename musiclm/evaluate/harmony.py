"""The judge's ear for key and mode: how much of each pitch class sounds, and one template to turn.

A key is a mode on a tonic: the same small network reads the pitch classes from each of the twelve
tonics in turn, so what it learns in one key it knows in all.

>>> ear = Harmony(hidden=8).eval()
>>> ear(pitch_classes(torch.randn(2, 48_000))).shape  # 12 tonics, major and minor
torch.Size([2, 12, 2])
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE

MODES = ("major", "minor")
WINDOW, HOP = 8192, 2400  # samples: fine enough to tell semitones from two octaves below middle C
LOW, SPLIT, HIGH = 55.0, 250.0, 2000.0  # hertz: the bass, and all above it
STRENGTH = 300.0  # how far quiet partials are lifted before loud ones hide them


def pitch_classes(wave: Float[Tensor, "b t"]) -> Float[Tensor, "b 2 12"]:
    """Shares of the twelve pitch classes (from C) in a clip: of the bass, and of all above it."""
    peaks = _peaks(wave).sum(dim=-1)
    classes = rearrange(peaks @ _filters().to(wave.device), "b (k c) -> b k c", k=2)
    return classes / classes.sum(dim=-1, keepdim=True).clamp_min(1e-6)


def chroma(wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n 12"]:
    """How much each pitch class above the bass stands out, ten times a second."""
    above = rearrange(_peaks(wave), "b f n -> b n f") @ _filters()[:, 12:].to(wave.device)
    return above / above.norm(dim=-1, keepdim=True).clamp_min(1e-6)


def _peaks(wave: Float[Tensor, "b t"]) -> Float[Tensor, "b f n"]:
    if wave.shape[-1] < WINDOW:
        wave = F.pad(wave, (0, WINDOW - wave.shape[-1]))
    window = torch.hann_window(WINDOW, device=wave.device)
    spectrum = torch.stft(wave, WINDOW, HOP, window=window, return_complex=True).abs()
    loudest = spectrum.amax(dim=(1, 2), keepdim=True).clamp_min(1e-6)
    level = torch.log1p(STRENGTH * spectrum / loudest)
    # A partial stands out from its neighbours; noise and drums do not.
    around = rearrange(level, "b f n -> b n f")
    around = F.avg_pool1d(around, 31, stride=1, padding=15, count_include_pad=False)
    return (level - rearrange(around, "b n f -> b f n")).clamp_min(0.0)


@lru_cache(maxsize=1)
def _filters() -> Float[Tensor, "f 24"]:
    """Each bin's share in its two nearest pitch classes, for either band."""
    hertz = torch.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW
    semitones = 12 * torch.log2(hertz.clamp_min(1.0) / (440.0 * 2 ** (-9 / 12)))
    distance = (semitones[:, None] - torch.arange(12) + 6) % 12 - 6
    near = (1.0 - distance.abs()).clamp_min(0.0)
    bass = (hertz >= LOW) & (hertz < SPLIT)
    above = (hertz >= SPLIT) & (hertz < HIGH)
    return torch.cat([near * bass[:, None], near * above[:, None]], dim=1)


class Harmony(nn.Module):
    """Pitch classes -> how likely each tonic and mode is."""

    def __init__(self, hidden: int = 24) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(24, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, len(MODES))
        )

    def forward(self, classes: Float[Tensor, "b 2 12"]) -> Float[Tensor, "b 12 2"]:
        """Logits; the first axis is the pitch class of the tonic."""
        turned = torch.stack([classes.roll(-tonic, dims=-1) for tonic in range(12)], dim=1)
        return self.read(math.sqrt(12) * rearrange(turned, "b r k c -> b r (k c)"))
