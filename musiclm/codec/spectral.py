"""A codec network that a CPU can train: log-mel in, inverse STFT out. Not in the paper.

The encoder hears log-mel magnitudes of two windows, one long enough for pitch, one short enough for
attacks. Blind to phase, it spends no code on it. The decoder predicts magnitude and phase of a
short-time Fourier transform, as Vocos does (Siuzdak 2023, arXiv 2306.00814), and invents a phase
that fits. All the heavy arithmetic happens at 50 and 100 frames a second. With `causal` windows and
convolutions only look back, and it can stream.

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

from musiclm.codec.causal import CausalLayer, Chain, Memory, after_past
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


class ConvNeXt(CausalLayer):
    """Depthwise convolution over time, then an MLP over channels (Liu et al. 2022)."""

    def __init__(self, width: int, expansion: int, kernel: int, causal: bool = False):
        super().__init__()
        self.left = kernel - 1 if causal else 0
        around = 0 if causal else kernel // 2
        self.depthwise = nn.Conv1d(width, width, kernel, padding=around, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.reduce = nn.Linear(expansion * width, width)
        nn.init.zeros_(self.reduce.bias)

    def forward(
        self, x: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> Float[Tensor, "b n d"]:
        """Same shape; a residual block."""
        y = rearrange(x, "b n d -> b d n")
        if self.left:
            y = after_past(self, y, self.left, memory)
        y = rearrange(self.depthwise(y), "b d n -> b n d")
        return x + self.reduce(F.gelu(self.expand(self.norm(y))))


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
        self.blocks = _blocks(c.encoder_depth, c.encoder_width, c)
        self.out = nn.Sequential(
            nn.LayerNorm(c.encoder_width), nn.Linear(c.encoder_width, c.dimension)
        )

    def forward(
        self, wave: Float[Tensor, "b 1 t"], memory: Memory | None = None
    ) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop; with a memory, `wave` goes on from before."""
        long, short = (self._hear(mel, wave[:, 0], memory) for mel in (self.long, self.short))
        short = rearrange(short, "b (n k) m -> b n (k m)", k=self.short_frames)
        heard = torch.cat([long, short], dim=-1)
        # Log magnitudes of music lie around -6; roughly unit variance suits the linear layer.
        return self.out(self.blocks(self.norm(self.embed((heard + 6.0) / 3.0)), memory))

    def _hear(self, mel: LogMel, wave: Tensor, memory: Memory | None) -> Tensor:
        if not self.causal:
            return mel(wave)
        # Each window ends where its hop ends.
        return mel.trailing(after_past(mel, wave, mel.width - mel.hop, memory))


class SpectralDecoder(nn.Module):
    """One vector a frame -> waveform."""

    window: Tensor

    def __init__(self, config: SpectralConfig):
        super().__init__()
        c = config
        self.fft_size, self.fine_hop, self.delay = c.fft_size, c.fine_hop, c.delay
        width = c.decoder_width
        self.left = c.kernel - 1 if c.causal else 0
        around = 0 if c.causal else c.kernel // 2
        self.embed = nn.Conv1d(c.dimension, width, c.kernel, padding=around)
        self.norm = nn.LayerNorm(width)
        self.coarse = _blocks(c.decoder_depth, width, c)
        self.upsample = nn.Linear(width, 2 * width)
        self.fine = _blocks(c.fine_depth, width, c)
        self.out_norm = nn.LayerNorm(width)
        self.magnitude = nn.Linear(width, c.fft_size // 2 + 1)
        self.phase = nn.Linear(width, c.fft_size // 2 + 1)
        self.register_buffer("window", torch.hann_window(c.fft_size), persistent=False)

    def forward(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame; with a memory, those `delay` samples earlier."""
        x = rearrange(frames, "b n d -> b d n")
        if self.left:
            x = after_past(self.embed, x, self.left, memory)
        x = self.norm(rearrange(self.embed(x), "b d n -> b n d"))
        x = self.upsample(self.coarse(x, memory))
        x = self.out_norm(self.fine(rearrange(x, "b n (k d) -> b (n k) d", k=2), memory))
        magnitude, phase = self.magnitude(x), self.phase(x)
        with torch.autocast(frames.device.type, enabled=False):
            loud = magnitude.float().clamp(max=LOUDEST_LOG_MAGNITUDE).exp()
            spectrum = torch.polar(loud, phase.float())
            pieces = torch.fft.irfft(spectrum, n=self.fft_size) * self.window
            if memory is not None:
                weights = self.window.square().expand_as(pieces)
                return self._add(rearrange([pieces, weights], "two b n w -> two b w n"), memory)
            weight = overlap_add(self.window.square().expand_as(pieces[:1]), self.fine_hop)
            return rearrange(overlap_add(pieces, self.fine_hop) / weight, "b t -> b 1 t")

    def rest(self, memory: Memory) -> Float[Tensor, "b 1 t"]:
        """The last `delay` samples of a stream."""
        return self._add(torch.zeros_like(memory.past[self]), memory)[..., : self.delay]

    def _add(self, pieces: Float[Tensor, "2 b w n"], memory: Memory) -> Float[Tensor, "b 1 t"]:
        """What is complete once these pieces and their weights lie over those before them."""
        length = pieces.shape[-1] * self.fine_hop
        longer = memory.extend(self, pieces, self.fft_size // self.fine_hop - 1)
        total, weight = (
            overlap_add(part, self.fine_hop)[:, self.delay : self.delay + length]
            for part in rearrange(longer, "two b w n -> two b n w")
        )
        return rearrange(total / weight, "b t -> b 1 t")


def _blocks(depth: int, width: int, config: SpectralConfig) -> Chain:
    c = config
    return Chain(*(ConvNeXt(width, c.expansion, c.kernel, c.causal) for _ in range(depth)))


def overlap_add(pieces: Float[Tensor, "b n w"], hop: int) -> Float[Tensor, "b t"]:
    """Sum pieces that start `hop` samples apart, and trim both ends alike to n * hop samples."""
    n, width = pieces.shape[1:]
    parts = rearrange(pieces, "b n (k h) -> k b n h", h=hop).unbind(0)
    total = sum(F.pad(part, (0, 0, k, len(parts) - 1 - k)) for k, part in enumerate(parts))
    assert isinstance(total, Tensor)
    trim = (width - hop) // 2
    return rearrange(total, "b n h -> b (n h)")[:, trim : trim + n * hop]
