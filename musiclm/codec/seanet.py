"""SEANet encoder and decoder: SoundStream's own network (SoundStream sections III-A and III-B).

Convolutions are causal, activations ELU, and nothing is normalised: any configuration can stream.

>>> import torch
>>> config = SeanetConfig(channels=2, dimension=8)
>>> SeanetEncoder(config)(torch.zeros(1, 1, 960)).shape
torch.Size([1, 2, 8])
>>> SeanetDecoder(config)(torch.zeros(1, 2, 8)).shape
torch.Size([1, 1, 960])
"""

import math
from dataclasses import dataclass

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.codec.causal import CausalConv, CausalLayer, CausalTransposedConv, Chain, Memory


@dataclass(frozen=True)
class SeanetConfig:
    """The convolutional network of SoundStream, at the frame rate of MusicLM.

    The paper leaves the dimension open, but of the common choices 256, with residual kernels of 3,
    alone gives the parameter counts of its ablation: 8.4 M (32 channels), 2.4 M (16), 4.8 M (8 in
    the encoder, 32 in the decoder) and 4.4 M (32, 8).
    """

    channels: int = 32  # of the first convolution; each block doubles them
    strides: tuple[int, ...] = (3, 4, 5, 8)  # not in the paper: any product of 480 gives its 50 Hz
    dimension: int = 256
    dilations: tuple[int, ...] = (1, 3, 9)
    kernel: int = 7  # of the first and last layers
    residual_kernel: int = 3
    latent_kernel: int = 3  # of the encoder's last layer

    @property
    def hop(self) -> int:
        """Samples of one frame."""
        return math.prod(self.strides)


class ResidualUnit(CausalLayer):
    """A dilated convolution and a pointwise one, beside the identity."""

    def __init__(self, channels: int, kernel: int, dilation: int):
        super().__init__()
        self.body = Chain(
            nn.ELU(),
            CausalConv(channels, channels, kernel, dilation=dilation),
            nn.ELU(),
            CausalConv(channels, channels, 1),
        )

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return x + self.body(x, memory)


class SeanetEncoder(nn.Module):
    """Waveform -> one vector a frame."""

    def __init__(self, config: SeanetConfig):
        super().__init__()
        channels = config.channels
        layers: list[nn.Module] = [CausalConv(1, channels, config.kernel)]
        for stride in config.strides:
            layers += [ResidualUnit(channels, config.residual_kernel, d) for d in config.dilations]
            layers += [nn.ELU(), CausalConv(channels, 2 * channels, 2 * stride, stride=stride)]
            channels *= 2
        layers += [nn.ELU(), CausalConv(channels, config.dimension, config.latent_kernel)]
        self.layers = Chain(*layers)

    def forward(
        self, wave: Float[Tensor, "b 1 t"], memory: Memory | None = None
    ) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop; with a memory, `wave` goes on from before."""
        return rearrange(self.layers(wave, memory), "b d n -> b n d")


class SeanetDecoder(nn.Module):
    """One vector a frame -> waveform: the encoder mirrored."""

    def __init__(self, config: SeanetConfig):
        super().__init__()
        channels = config.channels * 2 ** len(config.strides)
        layers: list[nn.Module] = [CausalConv(config.dimension, channels, config.kernel)]
        for stride in reversed(config.strides):
            layers += [nn.ELU(), CausalTransposedConv(channels, channels // 2, stride)]
            channels //= 2
            layers += [ResidualUnit(channels, config.residual_kernel, d) for d in config.dilations]
        layers += [nn.ELU(), CausalConv(channels, 1, config.kernel)]
        self.layers = Chain(*layers)

    def forward(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame; with a memory, `frames` go on from before."""
        return self.layers(rearrange(frames, "b n d -> b d n"), memory).float()
