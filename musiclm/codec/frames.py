"""What the codec networks for CPUs share: blocks, transforms, and a decoder's way to a spectrum.

All the heavy arithmetic happens at 50 and 100 frames a second. Not in the paper.

>>> stft, wave = Stft(960, 240), torch.randn(1, 2400)
>>> torch.allclose(stft.inverse(stft(wave)), wave, atol=1e-5)
True
"""

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Complex, Float
from torch import Tensor, nn

from musiclm.codec.causal import CausalLayer, Chain, Memory, after_past
from musiclm.nn.spectrogram import LogMel


@runtime_checkable  # the tests check the types of arguments
class FrameConfig(Protocol):
    """What the configurations of both networks say."""

    @property
    def dimension(self) -> int: ...
    @property
    def decoder_width(self) -> int: ...
    @property
    def decoder_depth(self) -> int: ...
    @property
    def fine_depth(self) -> int: ...
    @property
    def expansion(self) -> int: ...
    @property
    def kernel(self) -> int: ...
    @property
    def causal(self) -> bool: ...
    @property
    def fft_size(self) -> int: ...
    @property
    def fine_hop(self) -> int: ...


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


def blocks(depth: int, width: int, config: FrameConfig) -> Chain:
    """Some of them, one after the other."""
    c = config
    return Chain(*(ConvNeXt(width, c.expansion, c.kernel, c.causal) for _ in range(depth)))


def hear(
    mel: LogMel, wave: Float[Tensor, "b t"], causal: bool, memory: Memory | None
) -> Float[Tensor, "b n bins"]:
    """Log-mel frames; of a causal network each window ends where its hop ends."""
    if not causal:
        return mel(wave)
    return mel.trailing(after_past(mel, wave, mel.width - mel.hop, memory))


class Stft(nn.Module):
    """Transforms `hop` samples apart, and back."""

    window: Tensor

    def __init__(self, fft_size: int, hop: int):
        super().__init__()
        self.fft_size, self.hop = fft_size, hop
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)

    def forward(self, wave: Float[Tensor, "b t"]) -> Complex[Tensor, "b n f"]:
        """[b n*hop] -> n frames, each centred in its hop."""
        return self.within(F.pad(wave, (self.delay, self.delay)))

    def within(self, wave: Float[Tensor, "b t"]) -> Complex[Tensor, "b n f"]:
        """Only the frames that lie within the wave, the first at its start."""
        return torch.fft.rfft(wave.unfold(-1, self.fft_size, self.hop) * self.window)

    @property
    def delay(self) -> int:
        """Samples at the end of the frames so far that later frames still add to."""
        return (self.fft_size - self.hop) // 2

    def inverse(
        self, spectrum: Complex[Tensor, "b n f"], memory: Memory | None = None
    ) -> Float[Tensor, "b t"]:
        """N frames, each centred in its hop -> [b n*hop], by least squares.

        With a memory, those `delay` samples earlier.
        """
        pieces = torch.fft.irfft(spectrum, n=self.fft_size) * self.window
        weights = self.window.square()
        if memory is not None:
            both = rearrange([pieces, weights.expand_as(pieces)], "two b n w -> two b w n")
            return self._add(both, memory)
        return overlap_add(pieces, self.hop) / overlap_add(weights.expand_as(pieces[:1]), self.hop)

    def rest(self, memory: Memory) -> Float[Tensor, "b t"]:
        """The last `delay` samples of a stream."""
        return self._add(torch.zeros_like(memory.past[self]), memory)[:, : self.delay]

    def _add(self, pieces: Float[Tensor, "2 b w n"], memory: Memory) -> Float[Tensor, "b t"]:
        """What is complete once these pieces and their weights lie over those before them."""
        length = pieces.shape[-1] * self.hop
        longer = memory.extend(self, pieces, self.fft_size // self.hop - 1)
        total, weight = (
            overlap_add(part, self.hop)[:, self.delay : self.delay + length]
            for part in rearrange(longer, "two b w n -> two b n w")
        )
        return total / weight


def overlap_add(pieces: Float[Tensor, "b n w"], hop: int) -> Float[Tensor, "b t"]:
    """Sum pieces that start `hop` samples apart, and trim both ends alike to n * hop samples."""
    n, width = pieces.shape[1:]
    parts = rearrange(pieces, "b n (k h) -> k b n h", h=hop).unbind(0)
    total = sum(F.pad(part, (0, 0, k, len(parts) - 1 - k)) for k, part in enumerate(parts))
    assert isinstance(total, Tensor)
    trim = (width - hop) // 2
    return rearrange(total, "b n h -> b (n h)")[:, trim : trim + n * hop]


class FrameDecoder(nn.Module):
    """One vector a frame -> two numbers for each frequency of two transforms a frame."""

    def __init__(self, config: FrameConfig):
        super().__init__()
        c = config
        self.stft = Stft(c.fft_size, c.fine_hop)
        width, frequencies = c.decoder_width, c.fft_size // 2 + 1
        self.left = c.kernel - 1 if c.causal else 0
        around = 0 if c.causal else c.kernel // 2
        self.embed = nn.Conv1d(c.dimension, width, c.kernel, padding=around)
        self.norm = nn.LayerNorm(width)
        self.coarse = blocks(c.decoder_depth, width, c)
        self.upsample = nn.Linear(width, 2 * width)
        self.fine = blocks(c.fine_depth, width, c)
        self.out_norm = nn.LayerNorm(width)
        self.magnitude = nn.Linear(width, frequencies)
        self.phase = nn.Linear(width, frequencies)

    def heads(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None
    ) -> tuple[Float[Tensor, "b m f"], Float[Tensor, "b m f"]]:
        """What is said of magnitudes, and of phases."""
        x = rearrange(frames, "b n d -> b d n")
        if self.left:
            x = after_past(self.embed, x, self.left, memory)
        x = self.norm(rearrange(self.embed(x), "b d n -> b n d"))
        x = self.upsample(self.coarse(x, memory))
        x = self.out_norm(self.fine(rearrange(x, "b n (two d) -> b (n two) d", two=2), memory))
        return self.magnitude(x), self.phase(x)
