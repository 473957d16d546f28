"""Critics that tell real sound from decoded: three on the waveform, one on its STFT.

SoundStream section III-D. The waveform critics are MelGAN's (Kumar et al. 2019), at three rates.

>>> critics = Discriminators(DiscriminatorConfig(channels=4, max_channels=16, stft_channels=2))
>>> [logits.dim() for logits, _ in critics(torch.zeros(1, 1, 4800))]
[3, 3, 3, 3]
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky rectifiers


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of the critics."""

    channels: int = 16  # of a waveform critic's first layer; each strided layer has four times more
    max_channels: int = 1024
    scales: tuple[int, ...] = (1, 2, 4)  # downsampling before each waveform critic
    stft_channels: int = 32
    stft_window: int = 1024
    stft_hop: int = 256


class WaveDiscriminator(nn.Module):
    """Strided grouped convolutions over the waveform."""

    def __init__(self, config: DiscriminatorConfig, scale: int):
        super().__init__()
        self.scale = scale
        width = config.channels
        self.layers = nn.ModuleList([nn.Conv1d(1, width, 15, padding=7)])
        for _ in range(4):
            wider = min(4 * width, config.max_channels)
            # Four channels a group, as MelGAN.
            groups = max(1, width // 4)
            self.layers.append(nn.Conv1d(width, wider, 41, stride=4, padding=20, groups=groups))
            width = wider
        self.layers.append(nn.Conv1d(width, width, 5, padding=2))
        self.logits = nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> tuple[Tensor, list[Tensor]]:
        """Logits [b 1 n] and the activations of every layer."""
        x = wave if self.scale == 1 else F.avg_pool1d(wave, self.scale)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.logits(x), features


class StridedUnit(nn.Module):
    """Residual unit of the STFT critic, over (frames, frequencies)."""

    def __init__(self, into: int, out: int, stride: tuple[int, int]):
        super().__init__()
        kernel = (stride[0] + 2, stride[1] + 2)
        self.first = nn.Conv2d(into, into, 3, padding=1)
        self.second = nn.Conv2d(into, out, kernel, stride=stride, padding=1)
        self.beside = nn.Conv2d(into, out, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.leaky_relu(self.first(x), SLOPE))
        # The even kernel of a stride of two rounds an odd length down, the pointwise one up.
        beside = self.beside(x)[..., : y.shape[-2], : y.shape[-1]]
        return F.leaky_relu(y + beside, SLOPE)


class StftDiscriminator(nn.Module):
    """Residual units over the complex spectrogram, real and imaginary parts as two channels."""

    window: Tensor

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        self.size, self.hop = config.stft_window, config.stft_hop
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)
        c = config.stft_channels
        self.first = nn.Conv2d(2, c, 7, padding=3)
        widths = (c, 2 * c, 4 * c, 4 * c, 8 * c, 8 * c, 8 * c)
        strides = ((1, 2), (2, 2)) * 3
        pairs = zip(widths[:-1], widths[1:], strides, strict=True)
        self.units = nn.ModuleList(StridedUnit(into, out, stride) for into, out, stride in pairs)
        bins = -(-(self.size // 2) // 2 ** len(strides))
        self.logits = nn.Conv2d(widths[-1], 1, (1, bins))

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> tuple[Tensor, list[Tensor]]:
        """Logits [b 1 n] and the activations of every unit."""
        with torch.autocast(wave.device.type, enabled=False):
            spectrum = torch.stft(
                wave[:, 0].float(),
                self.size,
                self.hop,
                window=self.window,
                normalized=True,
                pad_mode="constant",
                return_complex=True,
            )[:, :-1]  # without the Nyquist bin the frequencies halve six times evenly
            # Contiguous: as a channels-last view it crashes oneDNN's backward pass (torch 2.13).
            parts = rearrange(torch.view_as_real(spectrum), "b f n c -> b c n f").contiguous()
        x = F.leaky_relu(self.first(parts), SLOPE)
        features = [x]
        for unit in self.units:
            x = unit(x)
            features.append(x)
        return rearrange(self.logits(x), "b c n 1 -> b c n"), features


class Discriminators(nn.Module):
    """All critics over one waveform."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        self.critics = nn.ModuleList(
            [
                *(WaveDiscriminator(config, scale) for scale in config.scales),
                StftDiscriminator(config),
            ]
        )

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> list[tuple[Tensor, list[Tensor]]]:
        """Logits and features of each critic."""
        return [critic(wave) for critic in self.critics]
