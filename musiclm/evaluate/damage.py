"""What the judge learns to hear through: noise, equalising, narrow bands, smear and vocoding.

Generated clips have been through a codec that is blind to phase; a judge that knew clean renders
only would grade the codec.

>>> generator = torch.Generator().manual_seed(0)
>>> wave = torch.randn(2, 1, 24_000, generator=generator)
>>> vocode(wave, generator).shape == wave.shape
True
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.nn.spectrogram import mel_filters

WINDOW, HOP = 1024, 256
SILENCE = 1e-5


def vocode(wave: Float[Tensor, "b 1 t"], generator: torch.Generator) -> Float[Tensor, "b 1 t"]:
    """As a codec would: magnitudes through few mel bins with an error, phases partly forgotten."""
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(wave[:, 0], WINDOW, HOP, window=window, return_complex=True)
    bins = int(torch.randint(48, 112, (), generator=generator))
    filters = mel_filters(SAMPLE_RATE, WINDOW, bins, 20.0, SAMPLE_RATE / 2)
    back = filters.T / filters.square().sum(dim=0).clamp_min(1e-6)[:, None]
    back = back / (filters @ back).sum(dim=0).clamp_min(1e-3) * filters.sum(dim=0).mean()
    magnitude = spectrum.abs()
    mel = rearrange(magnitude, "b f n -> b n f") @ (filters / filters.sum(dim=0))
    error = torch.randn(mel.shape, generator=generator) * _uniform(0.1, 0.6, generator)
    coarse = rearrange((mel * error.exp()) @ filters.T, "b n f -> b f n")
    kept = _uniform(0.0, 1.0, generator)  # of the fine structure between the mel bins
    mixed = magnitude.clamp_min(SILENCE) ** kept * coarse.clamp_min(SILENCE) ** (1 - kept)
    lost = torch.randn(spectrum.shape, generator=generator) * _uniform(0.0, 1.5, generator)
    phase = spectrum.angle() + lost
    made = torch.istft(torch.polar(mixed, phase), WINDOW, HOP, window=window, length=wave.shape[-1])
    return made[:, None]


def disturb(log_mel: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b m d"]:
    """Log-mel as it might come from another room, microphone, codec, key or tempo."""
    x = _shift_pitch(_warp_time(log_mel, generator), generator)
    x = x + _tilt(x, generator)
    x = _narrow(x, generator)
    x = _smear(x, generator)
    loudest = x.amax(dim=(1, 2), keepdim=True)
    x = torch.logaddexp(x, loudest + _noise(x, generator))
    rough = torch.randn(x.shape, generator=generator)
    return _blank(x + rough * 0.4 * _each(x, generator), generator)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _each(x: Tensor, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    return torch.rand(len(x), 1, 1, generator=generator)


def _warp_time(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b m d"]:
    """Up to 3 % faster or slower, for the whole batch: tempo classes are further apart."""
    frames = x.shape[1]
    stretched = round(frames * _uniform(1.0, 1.06, generator))
    part = F.interpolate(rearrange(x, "b n d -> b d n"), size=stretched, mode="linear")
    if torch.rand((), generator=generator) < 0.5:
        return rearrange(part, "b d n -> b n d")[:, :frames]
    shorter = round(frames * _uniform(0.97, 1.0, generator))
    part = F.interpolate(rearrange(x, "b n d -> b d n"), size=shorter, mode="linear")
    return rearrange(part, "b d n -> b n d")


def _shift_pitch(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b n d"]:
    shifted = x.clone()
    steps = torch.randint(-2, 3, (len(x),), generator=generator).tolist()
    for row, step in enumerate(steps):
        if step > 0:
            shifted[row, :, step:] = x[row, :, :-step]
        elif step < 0:
            shifted[row, :, :step] = x[row, :, -step:]
    return shifted


def _tilt(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b 1 d"]:
    """A smooth random equaliser of about 4 dB, the same for a whole clip."""
    points = torch.randn(len(x), 1, 7, generator=generator) * 0.5
    return F.interpolate(points, size=x.shape[2], mode="linear", align_corners=True)


def _narrow(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b n d"]:
    """In a third of the clips nothing is left above some bin."""
    bins = x.shape[2]
    limit = bins * (0.6 + 0.4 * _each(x, generator))
    limit = torch.where(_each(x, generator) < 0.33, limit, torch.full_like(limit, float(bins)))
    return torch.where(torch.arange(bins) < limit, x, x.new_tensor(math.log(SILENCE)))


def _smear(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b n d"]:
    """Each frame takes up some of its neighbours', as in the wide windows of a codec."""
    near = F.avg_pool1d(rearrange(x, "b n d -> b d n"), 3, 1, 1, count_include_pad=False)
    return x.lerp(rearrange(near, "b d n -> b n d"), 0.7 * _each(x, generator))


def _noise(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b n d"]:
    """Hiss between 20 and 60 dB below the loudest bin."""
    height = -7.0 + 4.5 * _each(x, generator).square()
    return height + 0.5 * torch.randn(x.shape, generator=generator)


def _blank(x: Float[Tensor, "b n d"], generator: torch.Generator) -> Float[Tensor, "b n d"]:
    """A band of a few bins and a moment of a few frames are lost, as in SpecAugment."""
    lowest = x.amin(dim=(1, 2), keepdim=True)
    for size, axis, most in ((x.shape[2], 2, 8), (x.shape[1], 1, 40)):
        start = _each(x, generator) * size
        length = _each(x, generator) * most
        place = torch.arange(size)
        place = rearrange(place, "d -> 1 1 d") if axis == 2 else rearrange(place, "n -> 1 n 1")
        x = torch.where((place >= start) & (place < start + length), lowest, x)
    return x
