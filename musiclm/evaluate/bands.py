"""Where in pitch a codec errs: log-mel errors of eight bands, and noise that has only their levels.

>>> from musiclm.codec.losses import log_mel_distance
>>> real = torch.randn(1, 1, 24_000, generator=torch.Generator().manual_seed(0))
>>> errors = band_errors(real, real / 2)
>>> errors.bias.shape, bool((errors.bias + 0.693).abs().max() < 0.01)
(torch.Size([1, 8]), True)
>>> torch.allclose(errors.absolute.mean(dim=1), log_mel_distance(real, real / 2))
True
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.codec.losses import BANDS, JUDGED_WINDOWS, MEL_BINS
from musiclm.codec.losses import band_edges as edges
from musiclm.nn.spectrogram import shared_log_mel


@dataclass(frozen=True)
class BandErrors:
    """Nepers, by clip and band: with the sign, and without."""

    bias: Float[Tensor, "b k"]  # below zero where too soft
    absolute: Float[Tensor, "b k"]  # their mean over bands is the log-mel distance


def names() -> list[str]:
    """Of the bands, for the columns of a table."""
    whole = [round(edge) for edge in edges()]
    return [f"{low}-{high} Hz" for low, high in zip(whole, whole[1:], strict=False)]


@torch.no_grad()
def band_errors(real: Float[Tensor, "b 1 t"], fake: Float[Tensor, "b 1 t"]) -> BandErrors:
    """Over the same windows as the log-mel distance."""
    bias, absolute = [], []
    for window in JUDGED_WINDOWS:
        heard = shared_log_mel(SAMPLE_RATE, window, window // 4, MEL_BINS)
        apart = heard(fake[:, 0]) - heard(real[:, 0])
        bands = rearrange(apart, "b n (k m) -> b k (n m)", k=BANDS)
        bias.append(bands.mean(dim=-1))
        absolute.append(bands.abs().mean(dim=-1))
    return BandErrors(torch.stack(bias).mean(dim=0), torch.stack(absolute).mean(dim=0))


def noise_like(wave: Float[Tensor, "b 1 t"], generator: torch.Generator) -> Float[Tensor, "b 1 t"]:
    """Steady noise that is white within each band and has its energy in the clip."""
    spectrum = torch.fft.rfft(wave)
    limits = torch.tensor(edges()[1:-1])
    frequency = torch.linspace(0.0, SAMPLE_RATE / 2, spectrum.shape[-1])
    band = torch.bucketize(frequency, limits)
    one_hot = torch.nn.functional.one_hot(band, BANDS).to(wave.dtype)
    energy = spectrum.abs().square() @ one_hot / one_hot.sum(dim=0)
    noise = torch.fft.rfft(torch.randn(wave.shape, generator=generator))
    flat = noise / noise.abs().square().mean(dim=-1, keepdim=True).sqrt()
    return torch.fft.irfft(flat * energy.sqrt()[..., band], n=wave.shape[-1])
