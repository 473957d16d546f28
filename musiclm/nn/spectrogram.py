"""Log-mel spectrograms: what every encoder of this project hears.

>>> mel = LogMel(24_000, window=600, hop=240, bins=64)
>>> mel(torch.zeros(2, 24_000)).shape
torch.Size([2, 100, 64])
"""

import functools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FLOOR = 1e-5  # magnitudes below this are silence: about -100 dB


class LogMel(nn.Module):
    """Waveform -> natural log of mel magnitudes, one frame centred on each multiple of `hop`."""

    filters: Tensor
    window: Tensor

    def __init__(
        self,
        sample_rate: int,
        window: int,
        hop: int,
        bins: int,
        f_min: float = 20.0,
        f_max: float | None = None,
    ) -> None:
        """`window` and `hop` in samples; the FFT is the next power of two above the window."""
        super().__init__()
        self.hop = hop
        self.fft_size = 2 ** math.ceil(math.log2(window))
        filters = mel_filters(sample_rate, self.fft_size, bins, f_min, f_max or sample_rate / 2)
        self.register_buffer("filters", filters, persistent=False)
        padded = F.pad(torch.hann_window(window), (0, self.fft_size - window))
        self.register_buffer("window", padded / padded.sum(), persistent=False)
        self.width, self.left = window, window // 2

    def forward(self, wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n bins"]:
        """[b t] -> [b ceil(t / hop) bins], always in float32."""
        with torch.autocast(wave.device.type, enabled=False):
            num_frames = -(-wave.shape[-1] // self.hop)
            right = (num_frames - 1) * self.hop + self.fft_size - self.left - wave.shape[-1]
            padded = F.pad(wave.float(), (self.left, max(0, right)))
            return self._log_mel(padded.unfold(-1, self.fft_size, self.hop)[:, :num_frames])

    def trailing(self, wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n bins"]:
        """Only the windows that lie within the wave, the first at its start: no future is heard."""
        with torch.autocast(wave.device.type, enabled=False):
            padded = F.pad(wave.float(), (0, self.fft_size - self.width))
            return self._log_mel(padded.unfold(-1, self.fft_size, self.hop))

    def _log_mel(self, frames: Tensor) -> Tensor:
        magnitude = torch.fft.rfft(frames * self.window).abs()
        return (magnitude @ self.filters).clamp_min(FLOOR).log()


@functools.cache
def shared_log_mel(
    sample_rate: int, window: int, hop: int, bins: int, device: torch.device | None = None
) -> LogMel:
    """One for the whole process, on the CPU unless said: for losses and figures.

    Made as ordinary tensors even when first needed in inference.
    """
    with torch.inference_mode(False), device or torch.device("cpu"):
        return LogMel(sample_rate, window, hop, bins)


def mel_filters(
    sample_rate: int, fft_size: int, bins: int, f_min: float, f_max: float
) -> Float[Tensor, "frequencies bins"]:
    """Triangles, evenly spaced on the mel scale (2595 log10(1 + f / 700)), each of peak one.

    Where triangles are narrower than an FFT bin they are widened to one bin, so none is empty.
    """
    edges = torch.tensor(mel_edges(bins + 1, f_min, f_max), dtype=torch.float64)
    spacing = sample_rate / fft_size
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    low, high = torch.minimum(low, centre - spacing), torch.maximum(high, centre + spacing)
    frequency = torch.arange(fft_size // 2 + 1, dtype=torch.float64)[:, None] * spacing
    rising = (frequency - low) / (centre - low)
    falling = (high - frequency) / (high - centre)
    return torch.minimum(rising, falling).clamp_min(0.0).float()


def mel_edges(bands: int, f_min: float, f_max: float) -> list[float]:
    """The frequencies that part a range into bands of equal width in mel.

    >>> [round(edge) for edge in mel_edges(2, 0.0, 12_000.0)]
    [0, 2282, 12000]
    """

    def mel(frequency: float) -> float:
        return 2595.0 * math.log10(1.0 + frequency / 700.0)

    start, stop = mel(f_min), mel(f_max)
    points = torch.linspace(start, stop, bands + 1, dtype=torch.float64, device="cpu")
    return (700.0 * (10.0 ** (points / 2595.0) - 1.0)).tolist()
