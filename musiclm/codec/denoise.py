"""One codec for two jobs: say the sound, or the sound without its noise (SoundStream, III-F).

FiLM: a switch chooses a gain and an offset for each number of the vectors before quantisation.
Training mixes noise into half of the examples and asks of half of those that it be left out, so
that the switch comes to mean that and nothing else.

>>> mixed = mix_noise(torch.zeros(4, 1, 480), torch.Generator().manual_seed(0))
>>> mixed.wave.shape, mixed.target.shape, mixed.denoise.shape
(torch.Size([4, 1, 480]), torch.Size([4, 1, 480]), torch.Size([4]))
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

NOISY = 0.5  # share of examples with noise; not in the paper
SNR_DB = (0.0, 20.0)  # of the noise that is mixed in; not in the paper
TILT = (0.0, 1.0)  # its amplitude falls as frequency ** -tilt: white to brown
FLAT_BELOW = 1 / 200  # of the highest frequency: 60 Hz; no power is spent on what nobody hears


class Film(nn.Module):
    """Feature-wise linear modulation by a one-hot choice of two (Perez et al. 2018).

    It starts as the identity, whichever way the switch stands.
    """

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Linear(2, 2 * width, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(
        self, x: Float[Tensor, "b n d"], switch: Bool[Tensor, " b"]
    ) -> Float[Tensor, "b n d"]:
        """Gain and offset for each example, the same at every frame."""
        chosen = torch.stack([~switch, switch], dim=-1).to(x.dtype)
        gain, offset = rearrange(self.linear(chosen), "b (two d) -> two b 1 d", two=2)
        return x * (1 + gain) + offset


@dataclass(frozen=True)
class Mixed:
    """A batch for training: what the codec hears, what it must say, and how the switch stands."""

    wave: Float[Tensor, "b 1 t"]
    target: Float[Tensor, "b 1 t"]
    denoise: Bool[Tensor, " b"]


@torch.no_grad()
def mix_noise(wave: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None) -> Mixed:
    """Noise into some of the examples, and a switch that asks of some to leave it out.

    The target is the noisy sound where the switch is off. Clean examples stay clean either way.
    """
    b = wave.shape[0]
    home = wave.device if generator is None else generator.device
    noisy, denoise, snr, tilt = torch.rand(4, b, generator=generator, device=home).to(wave.device)
    noise = torch.randn(wave.shape, generator=generator, device=home).to(wave.device)
    noise = _coloured(noise, TILT[0] + (TILT[1] - TILT[0]) * tilt)
    ratio = 10.0 ** (-(SNR_DB[0] + (SNR_DB[1] - SNR_DB[0]) * snr) / 20.0)
    level = wave.square().mean(dim=(1, 2)).sqrt() * ratio * (noisy < NOISY)
    heard = wave + level[:, None, None] * noise
    switch = denoise < 0.5
    return Mixed(heard, torch.where(switch[:, None, None], wave, heard), switch)


def _coloured(noise: Float[Tensor, "b 1 t"], tilt: Float[Tensor, " b"]) -> Float[Tensor, "b 1 t"]:
    """The same noise, falling with frequency, of root mean square one."""
    spectrum = torch.fft.rfft(noise)
    frequency = torch.linspace(0, 1, spectrum.shape[-1], device=noise.device).clamp_min(FLAT_BELOW)
    shaped = torch.fft.irfft(spectrum * frequency ** -tilt[:, None, None], n=noise.shape[-1])
    return shaped / shaped.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-8)
