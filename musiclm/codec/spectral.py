"""A codec network that a CPU can train: log-mel in, inverse STFT out. Not in the paper.

The encoder hears log-mel magnitudes of two windows, one long enough for pitch, one short enough for
attacks. Blind to phase, it spends no code on it. The decoder predicts magnitude and phase of a
short-time Fourier transform, as Vocos does (Siuzdak 2023, arXiv 2306.00814), and invents a phase
that fits. With `causal` windows and convolutions only look back, and it can stream.

>>> config = SpectralConfig(dimension=8, encoder_width=8, decoder_width=8)
>>> SpectralEncoder(config, 24_000)(torch.zeros(1, 1, 960)).shape
torch.Size([1, 2, 8])
>>> SpectralDecoder(config)(torch.zeros(1, 2, 8)).shape
torch.Size([1, 1, 960])
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.codec.causal import Memory
from musiclm.codec.frames import FrameDecoder, blocks, hear
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
    causal: bool = False  # hear no future, so that a sound can be coded while it is made

    @property
    def delay(self) -> int:
        """Samples at the end of the frames so far that later inverse transforms still add to."""
        return (self.fft_size - self.fine_hop) // 2

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


class SpectralEncoder(nn.Module):
    """Waveform -> one vector a frame."""

    def __init__(self, config: SpectralConfig, sample_rate: int):
        super().__init__()
        c = config
        self.short_frames, self.causal = c.short_frames, c.causal
        self.long = LogMel(sample_rate, c.long_window, c.hop, c.long_bins)
        self.short = LogMel(sample_rate, c.short_window, c.hop // c.short_frames, c.short_bins)
        self.embed = nn.Linear(c.features, c.encoder_width)
        self.norm = nn.LayerNorm(c.encoder_width)
        self.blocks = blocks(c.encoder_depth, c.encoder_width, c)
        self.out = nn.Sequential(
            nn.LayerNorm(c.encoder_width), nn.Linear(c.encoder_width, c.dimension)
        )

    def forward(
        self, wave: Float[Tensor, "b 1 t"], memory: Memory | None = None
    ) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop; with a memory, `wave` goes on from before."""
        long, short = (
            hear(mel, wave[:, 0], self.causal, memory) for mel in (self.long, self.short)
        )
        short = rearrange(short, "b (n k) m -> b n (k m)", k=self.short_frames)
        heard = torch.cat([long, short], dim=-1)
        # Log magnitudes of music lie around -6; roughly unit variance suits the linear layer.
        return self.out(self.blocks(self.norm(self.embed((heard + 6.0) / 3.0)), memory))


class SpectralDecoder(FrameDecoder):
    """One vector a frame -> waveform."""

    def forward(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame; with a memory, those `delay` samples earlier."""
        magnitude, phase = self.heads(frames, memory)
        with torch.autocast(frames.device.type, enabled=False):
            loud = magnitude.float().clamp(max=LOUDEST_LOG_MAGNITUDE).exp()
            return self.stft.inverse(torch.polar(loud, phase.float()), memory)[:, None]
