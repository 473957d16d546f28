"""A codec network that a CPU can train: log-mel in, inverse STFT out. Not in the paper.

The encoder hears log-mel magnitudes of two windows, one long enough for pitch, one short enough for
attacks. Blind to phase, it spends no code on it. The decoder predicts magnitude and phase of a
short-time Fourier transform, as Vocos does (Siuzdak 2023, arXiv 2306.00814), and invents a phase
that fits. All the heavy arithmetic happens at 50 and 100 frames a second.

>>> config = SpectralConfig(dimension=8, encoder_width=8, decoder_width=8)
>>> SpectralEncoder(config, 24_000)(torch.zeros(1, 1, 960)).shape
torch.Size([1, 2, 8])
>>> SpectralDecoder(config)(torch.zeros(1, 2, 8)).shape
torch.Size([1, 1, 960])
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.nn.spectrogram import LogMel

LOUDEST_LOG_MAGNITUDE = 5.0  # clamps exp(); a full-scale sine reaches about log(n_fft / 4) = 5.5


@dataclass(frozen=True)
class SpectralConfig:
    """ConvNeXt blocks between a log-mel spectrogram and an inverse STFT; all of it our choice."""

    hop: int = 480
    dimension: int = 256  # of the vectors that are quantised
    long_window: int = 2048  # samples: resolves pitch
    long_bins: int = 128
    short_window: int = 512  # samples: resolves attacks
    short_bins: int = 40
    short_frames: int = 4  # short windows within one frame
    encoder_width: int = 192
    encoder_depth: int = 5
    decoder_width: int = 256
    decoder_depth: int = 3  # blocks at the frame rate
    fine_depth: int = 3  # blocks at twice the frame rate
    expansion: int = 4
    kernel: int = 7

    @property
    def fine_hop(self) -> int:
        """Samples between inverse transforms: two of them a frame."""
        return self.hop // 2

    @property
    def fft_size(self) -> int:
        """Four inverse transforms overlap at every sample."""
        return 4 * self.fine_hop

    @property
    def features(self) -> int:
        """Numbers that the encoder hears of each frame."""
        return self.long_bins + self.short_frames * self.short_bins


class ConvNeXt(nn.Module):
    """Depthwise convolution over time, then an MLP over channels (Liu et al. 2022)."""

    def __init__(self, width: int, expansion: int, kernel: int):
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.reduce = nn.Linear(expansion * width, width)
        nn.init.zeros_(self.reduce.bias)

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Same shape; a residual block."""
        y = rearrange(self.depthwise(rearrange(x, "b n d -> b d n")), "b d n -> b n d")
        return x + self.reduce(F.gelu(self.expand(self.norm(y))))


class SpectralEncoder(nn.Module):
    """Waveform -> one vector a frame."""

    def __init__(self, config: SpectralConfig, sample_rate: int):
        super().__init__()
        c = config
        self.short_frames = c.short_frames
        self.long = LogMel(sample_rate, c.long_window, c.hop, c.long_bins)
        self.short = LogMel(sample_rate, c.short_window, c.hop // c.short_frames, c.short_bins)
        self.embed = nn.Linear(c.features, c.encoder_width)
        self.norm = nn.LayerNorm(c.encoder_width)
        self.blocks = nn.Sequential(
            *(ConvNeXt(c.encoder_width, c.expansion, c.kernel) for _ in range(c.encoder_depth))
        )
        self.out = nn.Sequential(
            nn.LayerNorm(c.encoder_width), nn.Linear(c.encoder_width, c.dimension)
        )

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop."""
        short = rearrange(self.short(wave[:, 0]), "b (n k) m -> b n (k m)", k=self.short_frames)
        heard = torch.cat([self.long(wave[:, 0]), short], dim=-1)
        # Log magnitudes of music lie around -6; roughly unit variance suits the linear layer.
        return self.out(self.blocks(self.norm(self.embed((heard + 6.0) / 3.0))))


class SpectralDecoder(nn.Module):
    """One vector a frame -> waveform."""

    window: Tensor

    def __init__(self, config: SpectralConfig):
        super().__init__()
        c = config
        self.fft_size, self.fine_hop = c.fft_size, c.fine_hop
        width = c.decoder_width
        self.embed = nn.Conv1d(c.dimension, width, c.kernel, padding=c.kernel // 2)
        self.norm = nn.LayerNorm(width)
        self.coarse = nn.Sequential(
            *(ConvNeXt(width, c.expansion, c.kernel) for _ in range(c.decoder_depth))
        )
        self.upsample = nn.Linear(width, 2 * width)
        self.fine = nn.Sequential(
            *(ConvNeXt(width, c.expansion, c.kernel) for _ in range(c.fine_depth))
        )
        self.out_norm = nn.LayerNorm(width)
        self.magnitude = nn.Linear(width, c.fft_size // 2 + 1)
        self.phase = nn.Linear(width, c.fft_size // 2 + 1)
        self.register_buffer("window", torch.hann_window(c.fft_size), persistent=False)

    def forward(self, frames: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame."""
        x = rearrange(self.embed(rearrange(frames, "b n d -> b d n")), "b d n -> b n d")
        x = self.upsample(self.coarse(self.norm(x)))
        x = self.out_norm(self.fine(rearrange(x, "b n (k d) -> b (n k) d", k=2)))
        magnitude, phase = self.magnitude(x), self.phase(x)
        with torch.autocast(frames.device.type, enabled=False):
            loud = magnitude.float().clamp(max=LOUDEST_LOG_MAGNITUDE).exp()
            spectrum = torch.polar(loud, phase.float())
            pieces = torch.fft.irfft(spectrum, n=self.fft_size) * self.window
            weight = overlap_add(self.window.square().expand_as(pieces[:1]), self.fine_hop)
            return rearrange(overlap_add(pieces, self.fine_hop) / weight, "b t -> b 1 t")


def overlap_add(pieces: Float[Tensor, "b n w"], hop: int) -> Float[Tensor, "b t"]:
    """Sum pieces that start `hop` samples apart, and trim both ends alike to n * hop samples."""
    n, width = pieces.shape[1:]
    parts = rearrange(pieces, "b n (k h) -> k b n h", h=hop).unbind(0)
    total = sum(F.pad(part, (0, 0, k, len(parts) - 1 - k)) for k, part in enumerate(parts))
    assert isinstance(total, Tensor)
    trim = (width - hop) // 2
    return rearrange(total, "b n h -> b (n h)")[:, trim : trim + n * hop]
