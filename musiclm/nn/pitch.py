"""Semitones and pitch classes of a waveform: what the semantic tokens and MuLan know of harmony.

>>> pitch = Semitones(24_000, hop=960)
>>> pitch(torch.zeros(2, 9_600)).shape
torch.Size([2, 10, 84])
>>> tone = torch.sin(2 * torch.pi * 440.0 * torch.arange(9_600) / 24_000)[None]
>>> int(chroma(pitch(tone))[0, 5, 12:].argmax())  # A, in the upper of both halves
9
"""

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor, nn

FFT = 4096  # samples: 6 Hz at 24 kHz, a semitone at 100 Hz; longer ones blur drums
SEMITONES = 84  # seven octaves
LOWEST = 32.703  # Hz: C1, so that semitone 0 is pitch class C
BASS, TREBLE = slice(0, 36), slice(24, 84)  # semitones of either half


class Semitones(nn.Module):
    """Waveform -> magnitude of each semitone, one frame centred on each whole `hop`."""

    filters: Tensor
    window: Tensor

    def __init__(self, sample_rate: int, hop: int) -> None:
        """`hop` in samples, at most an FFT."""
        super().__init__()
        self.hop = hop
        window = torch.hann_window(FFT)
        self.register_buffer("window", 2.0 * window / window.sum(), persistent=False)
        self.register_buffer("filters", semitone_filters(sample_rate), persistent=False)

    def forward(self, sound: Float[Tensor, "b t"]) -> Float[Tensor, "b n s"]:
        """[b t] -> [b t/hop 84], always in float32."""
        with torch.autocast(sound.device.type, enabled=False):
            left = (FFT - self.hop) // 2
            padded = F.pad(sound.float(), (left, FFT - self.hop - left))
            windows = padded.unfold(-1, FFT, self.hop)
            spectrum = torch.fft.rfft(windows * self.window)[..., : self.filters.shape[0]]
            power = spectrum.real.square() + spectrum.imag.square()
            return power.clamp_min(1e-12).sqrt() @ self.filters


def pitch_classes(semitones: Float[Tensor, "b n s"]) -> Float[Tensor, "b n 2 12"]:
    """How strong each pitch class is, from C, in the bass and in the treble."""
    heard = semitones.sqrt()
    fold = "b n (octave c) -> b n c"
    halves = [reduce(heard[..., part], fold, "sum", c=12) for part in (BASS, TREBLE)]
    return torch.stack(halves, dim=-2)


def chroma(semitones: Float[Tensor, "b n s"]) -> Float[Tensor, "b n 24"]:
    """Pitch classes of the bass, then of the treble; a half that sounds has norm one."""
    classes = pitch_classes(semitones)
    # The floor keeps the pitch classes of near-silence from being those of its noise.
    shares = classes / (classes.norm(dim=-1, keepdim=True) + 0.02)
    return rearrange(shares, "b n half c -> b n (half c)")


def semitone_filters(
    sample_rate: int, fft: int = FFT, lowest: float = LOWEST, semitones: int = SEMITONES
) -> Float[Tensor, "frequencies s"]:
    """Triangles a semitone wide on either side, of unit sum; never narrower than an FFT bin.

    `lowest` in Hz; the frequencies go no higher than the last semitone reaches.
    """
    spacing = sample_rate / fft
    centre = lowest * 2.0 ** (torch.arange(semitones) / 12.0)
    count = int(lowest * 2.0 ** (semitones / 12) / spacing) + 1
    frequency = torch.arange(count)[:, None] * spacing
    away = 12.0 * torch.log2(frequency.clamp_min(spacing / 2) / centre)
    narrow = (frequency - centre) / spacing
    filters = torch.maximum(1.0 - away.abs(), 1.0 - narrow.abs()).clamp_min(0.0)
    return filters / filters.sum(dim=0)
