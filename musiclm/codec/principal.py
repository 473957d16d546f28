"""A codec network that works before it learns: principal components of log-mel. Not in the paper.

A frame is the log-mel magnitudes of two short windows, and its vector their principal components:
before any gradient, the residual quantiser of those is a working codec. Networks on both sides then
learn corrections to it. The decoder predicts magnitudes and phases of a short-time Fourier
transform, as Vocos does (Siuzdak 2023, arXiv 2306.00814), and rounds of Griffin and Lim's algorithm
make that phase agree with itself. Blind to phase, the encoder spends no code on it. With `causal`
windows and convolutions only look back, and it can stream.

>>> config = PrincipalConfig(bins=8, dimension=4, encoder_width=8, decoder_width=8)
>>> encoder, decoder = PrincipalEncoder(config, 24_000), PrincipalDecoder(config, 24_000)
>>> decoder(encoder(torch.zeros(1, 1, 960))).shape
torch.Size([1, 1, 960])
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Complex, Float
from torch import Tensor, nn

from musiclm.codec.causal import Memory, after_past
from musiclm.codec.frames import FrameDecoder, Stft, blocks, hear
from musiclm.nn.spectrogram import FLOOR, LogMel, mel_filters

LOUDEST_LOG_MAGNITUDE = 6.0  # clamps exp(); a full-scale sine reaches log(fft / 4) = 5.5
SOFTEST_LOG_MAGNITUDE = -12.0
JUDGED_FROM = -6.9  # log magnitude: -110 dB; what is softer need not be told apart
MOMENTUM = 0.99  # of the rounds on the phase (Perraudin et al. 2013)
F_MIN = 20.0  # Hz
MEAN = -6.0  # log magnitudes of music lie around it


@dataclass(frozen=True)
class PrincipalConfig:
    """Two transforms a frame, ConvNeXt blocks around principal components; all of it our choice."""

    hop: int = 480
    fft_size: int = 960  # samples: four transforms overlap everywhere
    bins: int = 128  # mel bins of a transform
    dimension: int = 96  # principal components of a frame's log-mel, which are quantised
    long_window: int = 2048  # samples: what the encoder hears besides, to resolve pitch
    long_bins: int = 128
    encoder_width: int = 192
    encoder_depth: int = 5
    decoder_width: int = 256
    decoder_depth: int = 3  # blocks at the frame rate
    fine_depth: int = 3  # blocks at twice the frame rate
    expansion: int = 4
    kernel: int = 7
    refinements: int = 1  # rounds on the phase
    causal: bool = False  # hear no future, so that a sound can be coded while it is made

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.fft_size % (2 * self.fine_hop) or self.dimension > 2 * self.bins:
            raise ValueError("fft_size is a multiple of the hop, dimension at most twice the bins")
        if self.causal and self.refinements:
            raise ValueError("rounds on the phase hear the future: causal needs refinements = 0")

    @property
    def fine_hop(self) -> int:
        """Samples between transforms: two of them a frame."""
        return self.hop // 2

    @property
    def delay(self) -> int:
        """Samples at the end of the frames so far that later inverse transforms still add to."""
        return (self.fft_size - self.fine_hop) // 2


class PrincipalEncoder(nn.Module):
    """Waveform -> one vector a frame."""

    filters: Tensor
    mean: Float[Tensor, " m"]  # of a frame's log-mel magnitudes
    basis: Float[Tensor, "m d"]  # their principal directions, the strongest first

    def __init__(self, config: PrincipalConfig, sample_rate: int):
        super().__init__()
        c = config
        self.causal = c.causal
        self.stft = Stft(c.fft_size, c.fine_hop)
        self.register_buffer("filters", _filters(c, sample_rate), persistent=False)
        self.register_buffer("mean", torch.full((2 * c.bins,), MEAN))
        self.register_buffer("basis", torch.eye(2 * c.bins, c.dimension))
        self.long = LogMel(sample_rate, c.long_window, c.hop, c.long_bins)
        self.embed = nn.Linear(c.long_bins + 2 * c.bins, c.encoder_width)
        self.norm = nn.LayerNorm(c.encoder_width)
        self.blocks = blocks(c.encoder_depth, c.encoder_width, c)
        self.out = nn.Linear(c.encoder_width, c.dimension)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        wave: Float[Tensor, "b 1 t"],
        memory: Memory | None = None,
        film: Callable[[Tensor], Tensor] | None = None,
    ) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop; with a memory, `wave` goes on from before.

        `film` is the denoising switch; it acts before the blocks, which can then take noise out.
        """
        mel = self.log_mel(wave, memory)
        heard = torch.cat([hear(self.long, wave[:, 0], self.causal, memory), mel], dim=-1)
        # Roughly unit variance suits the linear layer.
        x = self.norm(self.embed((heard - MEAN) / 3.0))
        x = x if film is None else film(x)
        correction = self.out(self.blocks(x, memory))
        with torch.autocast(wave.device.type, enabled=False):
            return (mel - self.mean) @ self.basis + correction.float()

    @torch.no_grad()
    def log_mel(
        self, wave: Float[Tensor, "b 1 t"], memory: Memory | None = None
    ) -> Float[Tensor, "b n m"]:
        """Log-mel magnitudes of the two transforms of each frame, in float32."""
        with torch.autocast(wave.device.type, enabled=False):
            sound = wave[:, 0].float()
            if self.causal:
                # Each window ends where its hop ends.
                past = self.stft.fft_size - self.stft.hop
                spectrum = self.stft.within(after_past(self.stft, sound, past, memory))
            else:
                spectrum = self.stft(sound)
            mel = (spectrum.abs() @ self.filters).clamp_min(FLOOR).log()
            return rearrange(mel, "b (n two) m -> b n (two m)", two=2)

    @torch.no_grad()
    def fit(self, mel: Float[Tensor, "n m"]) -> None:
        """Take mean and principal directions from frames of music."""
        self.mean.copy_(mel.mean(dim=0))
        centred = (mel - self.mean).double()
        directions = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(-1)
        self.basis.copy_(directions[:, : self.basis.shape[1]])


class PrincipalDecoder(FrameDecoder):
    """One vector a frame -> waveform."""

    spread: Tensor
    mean: Tensor
    basis: Tensor
    offset: Tensor
    to_frequencies: Tensor

    def __init__(self, config: PrincipalConfig, sample_rate: int):
        super().__init__(config)
        c = config
        self.refinements = c.refinements
        nn.init.zeros_(self.magnitude.weight)
        nn.init.zeros_(self.magnitude.bias)
        self.register_buffer("mean", torch.full((2 * c.bins,), MEAN))
        self.register_buffer("basis", torch.eye(2 * c.bins, c.dimension))
        self.register_buffer("spread", torch.ones(c.dimension))
        filters = _filters(c, sample_rate)
        self.register_buffer("to_frequencies", _interpolation(filters), persistent=False)
        # From mel magnitudes to magnitudes: a triangle sums what lies under it.
        self.register_buffer("offset", filters.sum(dim=0).log(), persistent=False)

    def forward(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame; with a memory, those `delay` samples earlier."""
        return self.sound(*self.spectrum(frames, memory), memory)

    def spectrum(
        self, frames: Float[Tensor, "b n d"], memory: Memory | None = None
    ) -> tuple[Float[Tensor, "b m f"], Float[Tensor, "b m f"]]:
        """Log magnitudes of the transforms, two a frame, and a first idea of their phases."""
        correction, phase = self.heads(frames / self.spread, memory)
        with torch.autocast(frames.device.type, enabled=False):
            wanted = self._from_mel(frames.float()) + correction.float()
        return wanted.clamp(SOFTEST_LOG_MAGNITUDE, LOUDEST_LOG_MAGNITUDE), phase.float()

    def _from_mel(self, frames: Float[Tensor, "b n d"]) -> Float[Tensor, "b m f"]:
        """The magnitudes that the components mean by themselves."""
        mel = rearrange(frames @ self.basis.T + self.mean, "b n (two m) -> b (n two) m", two=2)
        return (mel - self.offset) @ self.to_frequencies

    def sound(
        self,
        log_magnitude: Float[Tensor, "b m f"],
        phase: Float[Tensor, "b m f"],
        memory: Memory | None = None,
    ) -> Float[Tensor, "b 1 t"]:
        """The waveform of such magnitudes, after the rounds on the phase."""
        with torch.autocast(log_magnitude.device.type, enabled=False):
            magnitude = log_magnitude.exp()
            spectrum = torch.polar(magnitude, phase)
            spectrum = refine(self.stft, magnitude, spectrum, self.refinements)
            return self.stft.inverse(spectrum, memory)[:, None]

    def misfit(
        self, log_magnitude: Float[Tensor, "b m f"], wave: Float[Tensor, "b 1 t"]
    ) -> Float[Tensor, ""]:
        """Mean distance of log magnitudes to those of a waveform, in nepers; silence aside."""
        with torch.autocast(wave.device.type, enabled=False):
            real = self.stft(wave[:, 0].float()).abs().clamp_min(math.exp(JUDGED_FROM)).log()
            return (log_magnitude.clamp_min(JUDGED_FROM) - real).abs().mean()

    @torch.no_grad()
    def fit(self, encoder: PrincipalEncoder, mel: Float[Tensor, "n m"]) -> None:
        """Take over the encoder's components, and how widely they spread in frames of music."""
        self.mean.copy_(encoder.mean)
        self.basis.copy_(encoder.basis)
        # Half way to white: weak components are heard, but not as loud as strong ones.
        self.spread.copy_(((mel - self.mean) @ self.basis).std(dim=0).sqrt().clamp_min(1e-2))


def refine(
    stft: Stft,
    magnitude: Float[Tensor, "b n f"],
    spectrum: Complex[Tensor, "b n f"],
    rounds: int,
) -> Complex[Tensor, "b n f"]:
    """Rounds of fast Griffin-Lim: to a waveform and back, keep the phase, restore the magnitude."""
    before: Tensor | None = None
    for _ in range(rounds):
        heard = stft(stft.inverse(spectrum))
        ahead = heard if before is None else heard + MOMENTUM * (heard - before)
        before = heard
        # The small constant keeps the gradient finite in silence.
        spectrum = magnitude * ahead / (ahead.abs() + 1e-5)
    return spectrum


def _filters(config: PrincipalConfig, sample_rate: int) -> Float[Tensor, "f m"]:
    """From the magnitudes of a transform to mel magnitudes; a full-scale sine gives about one."""
    filters = mel_filters(sample_rate, config.fft_size, config.bins, F_MIN, sample_rate / 2)
    return filters * (2 / config.fft_size)


def _interpolation(filters: Float[Tensor, "f m"]) -> Float[Tensor, "m f"]:
    """Weights that draw straight lines between the centres of the triangles."""
    frequencies, bins = filters.shape
    places = torch.arange(frequencies, dtype=torch.float32)
    centres = (filters * places[:, None]).sum(dim=0) / filters.sum(dim=0)
    right = torch.searchsorted(centres, places).clamp(1, bins - 1)
    low, high = centres[right - 1], centres[right]
    share = ((places - low) / (high - low)).clamp(0.0, 1.0)
    weights = torch.zeros(bins, frequencies)
    columns = torch.arange(frequencies)
    weights[right - 1, columns] += 1.0 - share
    weights[right, columns] += share
    return weights
