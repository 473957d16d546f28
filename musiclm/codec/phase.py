"""Phases that magnitudes imply: propagation of their peaks, then rounds of fast Griffin-Lim.

A convolution cannot invent phases: for a steady tone its inputs are the same in every frame, so its
phases would be too, and every partial would be drawn to a multiple of the frame rate. Here a peak's
frequency is read between bins and its phase moves on by that much a frame (single-pass spectrogram
inversion, Beauregard, Harish and Wyse 2015). Rounds of fast Griffin-Lim (Perraudin, Balazs and
Sondergaard 2013) make long windows agree with one another; each also sets the loudness of bands in
short windows, since a long window alone smears an attack over its length.

Shapes: b batch, n frames, f frequencies, e bands.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.codec.frames import Stft

MOMENTUM = 0.99  # of fast Griffin-Lim
JUMPS = 6  # doublings: a bin finds its peak among 64 neighbours
GOLDEN = 0.618034  # phases at the start are spread evenly: alike, they would begin with a click
SOFTEST, LOUDEST = 0.05, 4.0  # bounds of the gain that a band is given in a round


def propagate(
    magnitude: Float[Tensor, "b n f"], hop: int, before: Float[Tensor, "b f"] | None = None
) -> tuple[Float[Tensor, "b n f"], Float[Tensor, "b f"]]:
    """Phases of magnitudes whose frames lie `hop` samples apart, and where they end.

    `before` is where an earlier piece ended, so that pieces propagate as the whole would. Phases
    are for transforms that begin at the window's first sample.
    """
    frequencies = magnitude.shape[-1]
    size = 2 * (frequencies - 1)
    owner, frequency = _peaks(magnitude.clamp_min(1e-7).log())
    advance = frequency * (2 * math.pi * hop / size)
    bins = torch.arange(frequencies, device=magnitude.device)
    phase = before
    if phase is None:
        phase = (bins * GOLDEN * 2 * math.pi).expand(len(magnitude), -1)
    frames = []
    for own, step in zip(owner.unbind(1), advance.unbind(1), strict=True):
        phase = torch.remainder(phase.gather(-1, own) + step, 2 * math.pi)
        frames.append(phase)
    # The window is centred half its length after its first sample: neighbours of a peak alternate.
    phases = torch.stack(frames, dim=1) if frames else magnitude
    return phases - math.pi * bins, phase


def _peaks(log_magnitude: Tensor) -> tuple[Tensor, Tensor]:
    """For each bin: the peak that it belongs to, and that peak's frequency in bins."""
    last = log_magnitude.shape[-1] - 1
    edge = log_magnitude.new_full((*log_magnitude.shape[:-1], 1), -99.0)
    left = torch.cat([edge, log_magnitude[..., :-1]], dim=-1)
    right = torch.cat([log_magnitude[..., 1:], edge], dim=-1)
    peak = (log_magnitude > left) & (log_magnitude >= right)
    bins = torch.arange(last + 1, device=log_magnitude.device).expand_as(log_magnitude)
    uphill = torch.where(peak, bins, torch.where(right > left, bins + 1, bins - 1)).clamp(0, last)
    for _ in range(JUMPS):
        uphill = uphill.gather(-1, uphill)
    # The top of a parabola through a peak and its neighbours.
    bend = (left - 2 * log_magnitude + right).clamp_max(-1e-6)
    offset = (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
    return uphill, (bins + offset).gather(-1, uphill)


class Refinement(nn.Module):
    """Rounds that make phases consistent with long magnitudes and with short bands."""

    share: Float[Tensor, "f e"]  # of a band's power in short bins
    spread: Float[Tensor, "e f"]  # from the gains of bands to those of short bins

    def __init__(self, long: Stft, short: Stft, bands: Float[Tensor, "f e"]) -> None:
        super().__init__()
        self.long, self.short = long, short
        self.register_buffer("share", bands / bands.sum(0), persistent=False)
        spread = bands / bands.sum(1, keepdim=True).clamp_min(1e-6)
        self.register_buffer("spread", spread.T.contiguous(), persistent=False)

    def forward(
        self,
        magnitude: Float[Tensor, "b n f"],
        phase: Float[Tensor, "b n f"],
        bands: Float[Tensor, "b m e"],
        rounds: int,
    ) -> Float[Tensor, "b t"]:
        """The waveform after so many rounds; `bands` are root mean squares of short bins."""
        spectrum = torch.polar(magnitude, phase)
        before: Tensor | None = None
        for _ in range(rounds):
            heard = self.long(self._shaped(self.long.inverse(spectrum), bands))
            ahead = heard if before is None else heard + MOMENTUM * (heard - before)
            before = heard
            spectrum = magnitude * ahead / (ahead.abs() + 1e-5)
        return self.long.inverse(spectrum)

    def _shaped(
        self, wave: Float[Tensor, "b t"], bands: Float[Tensor, "b m e"]
    ) -> Float[Tensor, "b t"]:
        """The wave with bands as loud in each short window as they should be."""
        spectrum = self.short(wave)
        loud = (spectrum.abs().square() @ self.share).sqrt()
        gain = ((bands + 3e-4) / (loud + 3e-4)).clamp(SOFTEST, LOUDEST)
        return self.short.inverse(spectrum * (gain @ self.spread))

    @property
    def reach(self) -> int:
        """Frames on either side that a round can change a frame from."""
        around = self.long.fft_size + self.short.fft_size
        return -(-around // self.long.hop)
