"""The distances by which other codecs are told, so that ours can be placed beside them.

Those of the Descript Audio Codec (Kumar et al. 2023, sections 3.5 and 4.3), from their definition:
L1 between log magnitudes over several windows, a quarter of each apart, summed over the windows.
DAC reports them at 44.1 kHz; at 24 kHz the windows hold as many samples and so last longer, so
figures compare with others at 24 kHz. ViSQOL, its third, needs a build of its C++ sources: no
package computes it offline, and it is left out.

>>> wave = torch.randn(2, 24_000, generator=torch.Generator().manual_seed(0))
>>> [round(float(far[0]), 2) for far in (mel_distance(wave, wave), mel_distance(wave, 10 * wave))]
[0.0, 7.0]

Shapes: b clips, t samples, f bins of an FFT, m mel bins, n frames.
"""

import functools
import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.likeness import Figures, Wave

MEL_BINS = (5, 10, 20, 40, 80, 160, 320)
MEL_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)  # samples
STFT_WINDOWS = (2048, 512)
FLOOR = 1e-5  # magnitudes below it are the same silence
LINEAR_BELOW, LINEAR_STEP = 1000.0, 200 / 3  # hertz; Slaney's mel scale is linear below 1 kHz
LOG_STEP = math.log(6.4) / 27  # and has 27 steps from there to 6.4 kHz


def distances(heard: Wave, made: Wave) -> dict[str, Figures]:
    """Both, by the names of a table's columns."""
    return {
        "mel_distance_DAC": mel_distance(heard, made),
        "STFT_distance_DAC": stft_distance(heard, made),
    }


@torch.no_grad()
def mel_distance(heard: Wave, made: Wave) -> Figures:
    """DAC's mel distance: L1 of log10 of mel magnitudes, summed over seven windows.

    5 bins in windows of 32 samples to 320 in windows of 2,048; 7 is a factor of ten everywhere.
    """
    total = torch.zeros(len(heard), device=heard.device)
    for bins, window in zip(MEL_BINS, MEL_WINDOWS, strict=True):
        one, other = (_log_mel(wave, window, bins) for wave in (heard, made))
        total += (one - other).abs().mean(dim=(1, 2))
    return total


@torch.no_grad()
def stft_distance(heard: Wave, made: Wave) -> Figures:
    """DAC's STFT distance: L1 of log10 of squared magnitudes and of magnitudes, of two windows."""
    total = torch.zeros(len(heard), device=heard.device)
    for window in STFT_WINDOWS:
        one, other = (_magnitudes(wave, window) for wave in (heard, made))
        logs = [2.0 * x.clamp_min(FLOOR).log10() for x in (one, other)]
        total += (logs[0] - logs[1]).abs().mean(dim=(1, 2)) + (one - other).abs().mean(dim=(1, 2))
    return total


def mel_filters(window: int, bins: int) -> Float[Tensor, "f m"]:
    """Slaney's triangles, as librosa has them: of equal area, from 0 Hz to half the rate."""
    top = LINEAR_BELOW / LINEAR_STEP + math.log(SAMPLE_RATE / 2 / LINEAR_BELOW) / LOG_STEP
    mel = torch.linspace(0.0, top, bins + 2, dtype=torch.float64)
    knee = LINEAR_BELOW / LINEAR_STEP
    edges = torch.where(
        mel < knee, mel * LINEAR_STEP, LINEAR_BELOW * (LOG_STEP * (mel - knee)).exp()
    )
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    hertz = torch.arange(window // 2 + 1, dtype=torch.float64)[:, None] * SAMPLE_RATE / window
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    triangles = torch.minimum(rising, falling).clamp_min(0.0)
    return (triangles * 2.0 / (high - low)).float()


@functools.cache
def _filters(window: int, bins: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return mel_filters(window, bins).to(device)


def _log_mel(wave: Wave, window: int, bins: int) -> Float[Tensor, "b n m"]:
    magnitudes = rearrange(_magnitudes(wave, window), "b f n -> b n f")
    with torch.autocast(wave.device.type, enabled=False):
        mel = magnitudes @ _filters(window, bins, wave.device)
    return mel.clamp_min(FLOOR).log10()


def _magnitudes(wave: Wave, window: int) -> Float[Tensor, "b f n"]:
    shape = torch.hann_window(window, device=wave.device)
    return torch.stft(
        wave.float(), window, window // 4, window=shape, pad_mode="reflect", return_complex=True
    ).abs()
