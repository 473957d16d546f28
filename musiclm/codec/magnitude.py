"""A codec network of magnitudes: no code is spent on phase, no gradient passes through a wave.

Not in the paper. A frame is the magnitudes of two long windows, which resolve pitch, and the
loudness of bands in short ones, which place an attack. Its vector is the principal components of
what an ear hears in them (semitones, bands above, attacks): with residual code books by k-means
that is a codec before any gradient, and nothing in the encoder is learned by one. The decoder
learns both kinds of magnitude from the codes; phases are propagated from the magnitudes' peaks and
made consistent with both windows (`musiclm.codec.phase`). Training is regression on spectra: fast,
and without critics.

>>> config = MagnitudeConfig(dimension=4, decoder_width=8)
>>> encoder, decoder = MagnitudeEncoder(config, 24_000), MagnitudeDecoder(config, 24_000)
>>> decoder(encoder(torch.zeros(1, 1, 960))).shape
torch.Size([1, 1, 960])
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.codec.frames import ConvNeXt, Stft
from musiclm.codec.phase import Refinement, propagate
from musiclm.errors import UserError
from musiclm.nn.pitch import semitone_filters
from musiclm.nn.spectrogram import mel_edges, mel_filters

SHORT_FRAMES = 4  # short windows a frame: one every 5 ms
F_MIN = 20.0  # Hz
LONG_FLOOR, SHORT_FLOOR = 0.05, 0.01  # below these magnitudes (a sine's peak is 480) all is silence
LOUDEST = 7.0  # clamps exp(); a full-scale sine reaches log(480) = 6.2
LOWEST, HIGHEST = 65.406, 4186.0  # Hz: C2 to C8, whose semitones are told apart
SEMITONES = 73  # from the one to the other
LOW_HERTZ = 2000.0  # above this an error counts less and less


@dataclass(frozen=True)
class MagnitudeConfig:
    """Two transforms, ConvNeXt blocks around principal components; all of it our choice."""

    hop: int = 960  # 25 frames a second: neighbours that overlap are coded together
    windows: int = 2  # long ones a frame
    fft_size: int = 1920  # samples of the long window; 12.5 Hz between its bins
    short_size: int = 480  # of the short ones
    mel_bins: int = 160  # over the whole range; those above the semitones are components too
    short_bands: int = 32
    dimension: int = 128  # principal components of a frame, which are quantised
    decoder_width: int = 512
    decoder_depth: int = 6
    expansion: int = 3
    kernel: int = 7
    rounds: int = 4  # of phase retrieval in use; training needs none

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if min(self.windows, self.dimension, self.decoder_width, self.decoder_depth) < 1:
            raise UserError(
                "codec: windows, dimension, decoder_width and decoder_depth are positive"
            )
        if self.kernel % 2 == 0:
            raise UserError(f"codec: kernel must be odd, not {self.kernel}")
        if self.hop % (2 * SHORT_FRAMES * self.windows):
            raise UserError(f"codec: hop {self.hop} does not divide into {self.windows} windows")
        if self.fft_size % (2 * self.long_hop) or self.short_size % (2 * self.short_hop):
            raise UserError("codec: a window is a multiple of twice its hop; see fft_size, windows")
        if not 0 <= self.rounds <= 64:
            raise UserError(f"codec: rounds must be between 0 and 64, not {self.rounds}")

    @property
    def long_hop(self) -> int:
        """Samples between long windows."""
        return self.hop // self.windows

    @property
    def short_hop(self) -> int:
        """Samples between short windows."""
        return self.long_hop // SHORT_FRAMES

    @property
    def outputs(self) -> int:
        """Numbers that one long window and its short ones are."""
        return self.fft_size // 2 + 1 + SHORT_FRAMES * self.short_bands


@dataclass(frozen=True)
class Spectra:
    """Log magnitudes of long windows, and log amplitudes of bands in the short ones of each."""

    long: Float[Tensor, "b m f"]  # m: long windows
    short: Float[Tensor, "b m e"]  # e: four short windows times the bands


class Analysis(nn.Module):
    """Waveform -> spectra, and spectra -> the numbers whose principal components are coded."""

    mel: Tensor
    upper: Tensor
    semitones: Tensor
    bands: Tensor

    def __init__(self, config: MagnitudeConfig, sample_rate: int) -> None:
        super().__init__()
        c = config
        self.long, self.short = Stft(c.fft_size, c.long_hop), Stft(c.short_size, c.short_hop)
        mel = mel_filters(sample_rate, c.fft_size, c.mel_bins, F_MIN, sample_rate / 2)
        spacing = sample_rate / c.fft_size
        centres = mel_edges(c.mel_bins + 1, F_MIN, sample_rate / 2)[1:-1]
        upper = mel[:, sum(centre <= HIGHEST for centre in centres) :]
        bands = mel_filters(sample_rate, c.short_size, c.short_bands, F_MIN, sample_rate / 2)
        self.windows, self.low_bins = c.windows, LOW_HERTZ / spacing
        self.register_buffer("mel", mel / mel.sum(0), persistent=False)
        self.register_buffer("upper", upper / upper.sum(0), persistent=False)
        semitones = semitone_filters(sample_rate, c.fft_size, LOWEST, SEMITONES)
        self.register_buffer("semitones", semitones, persistent=False)
        self.register_buffer("bands", bands / bands.sum(0), persistent=False)

    @torch.no_grad()
    def forward(self, wave: Float[Tensor, "b 1 t"]) -> Spectra:
        """The length must be a multiple of the hop; always in float32."""
        with torch.autocast(wave.device.type, enabled=False):
            sound = wave[:, 0].float()
            long = (self.long(sound).abs() + LONG_FLOOR).log()
            power = self.short(sound).abs().square() @ self.bands
            short = (power.sqrt() + SHORT_FLOOR).log()
            return Spectra(long, rearrange(short, "b (n s) e -> b n (s e)", s=SHORT_FRAMES))

    def summary(self, spectra: Spectra) -> Float[Tensor, "b n k"]:
        """Of each frame: semitones where a tune lies, mel bins above, bands of short windows."""
        power = (2 * spectra.long).exp()
        tune = (power[..., : len(self.semitones)] @ self.semitones).sqrt()
        above = (power @ self.upper).sqrt()
        # What is loud gets the codes: floors of 20 and 16 dB above silence, and the tune counts
        # more than the colour, that more than the attack.
        heard = [torch.log(tune + 0.5), 0.4 * torch.log(above + 0.3), 0.25 * spectra.short]
        return self.framed(torch.cat(heard, dim=-1))

    def framed(self, x: Float[Tensor, "b m k"]) -> Float[Tensor, "b n wk"]:
        """The windows of a frame side by side."""
        return rearrange(x, "b (n w) k -> b n (w k)", w=self.windows)

    @property
    def numbers(self) -> int:
        """How many of them a frame has."""
        short = SHORT_FRAMES * self.bands.shape[1]
        return self.windows * (self.semitones.shape[1] + self.upper.shape[1] + short)


class MagnitudeEncoder(nn.Module):
    """Waveform -> one vector a frame."""

    mean: Float[Tensor, " k"]
    basis: Float[Tensor, "k d"]  # principal directions, the strongest first

    def __init__(self, config: MagnitudeConfig, sample_rate: int) -> None:
        super().__init__()
        c = config
        self.analysis = Analysis(c, sample_rate)
        self.register_buffer("mean", torch.zeros(self.analysis.numbers))
        self.register_buffer("basis", torch.eye(self.analysis.numbers, c.dimension))

    def forward(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """The length must be a multiple of the hop; always in float32."""
        return self.components(self.analysis(wave))

    def components(self, spectra: Spectra) -> Float[Tensor, "b n d"]:
        """The vectors of frames whose spectra are known."""
        with torch.autocast(spectra.long.device.type, enabled=False):
            return (self.analysis.summary(spectra) - self.mean) @ self.basis

    @torch.no_grad()
    def fit(self, summaries: Float[Tensor, "n k"]) -> Float[Tensor, "n d"]:
        """Take mean and principal directions from frames of music; return those frames' vectors."""
        self.mean.copy_(summaries.mean(dim=0))
        centred = summaries - self.mean
        directions = torch.linalg.eigh((centred.T @ centred).double()).eigenvectors.flip(-1)
        self.basis.copy_(directions[:, : self.basis.shape[1]])
        return centred @ self.basis


class MagnitudeDecoder(nn.Module):
    """One vector a frame -> waveform, by way of the magnitudes of both windows."""

    spread: Float[Tensor, " d"]

    def __init__(self, config: MagnitudeConfig, sample_rate: int) -> None:
        super().__init__()
        c = config
        self.bins, self.rounds, self.windows = c.fft_size // 2 + 1, c.rounds, c.windows
        self.depth, self.kernel = c.decoder_depth, c.kernel
        outputs = c.windows * c.outputs
        self.register_buffer("spread", torch.ones(c.dimension))
        # By least squares a frame and its neighbours tell the spectra; the blocks correct that.
        self.linear = nn.Conv1d(c.dimension, outputs, 3, padding=1)
        self.embed = nn.Conv1d(c.dimension, c.decoder_width, c.kernel, padding=c.kernel // 2)
        self.norm = nn.LayerNorm(c.decoder_width)
        self.blocks = nn.Sequential(
            *(ConvNeXt(c.decoder_width, c.expansion, c.kernel) for _ in range(c.decoder_depth))
        )
        self.out_norm = nn.LayerNorm(c.decoder_width)
        self.out = nn.Linear(c.decoder_width, outputs)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.refinement = Refinement(
            Stft(c.fft_size, c.long_hop),
            Stft(c.short_size, c.short_hop),
            mel_filters(sample_rate, c.short_size, c.short_bands, F_MIN, sample_rate / 2),
        )

    def forward(self, frames: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 t"]:
        """Exactly hop samples for each frame."""
        return self.sound(self.spectra(frames))

    def spectra(self, frames: Float[Tensor, "b n d"]) -> Spectra:
        """What the vectors mean."""
        x = rearrange(frames / self.spread, "b n d -> b d n")
        y = self.norm(rearrange(self.embed(x), "b d n -> b n d"))
        correction = self.out(self.out_norm(self.blocks(y)))
        with torch.autocast(frames.device.type, enabled=False):
            told = rearrange(self.linear(x.float()), "b e n -> b n e") + correction.float()
            told = rearrange(told, "b n (w e) -> b (n w) e", w=self.windows)
        return Spectra(told[..., : self.bins], told[..., self.bins :])

    def sound(self, spectra: Spectra) -> Float[Tensor, "b 1 t"]:
        """The waveform of such spectra, its phases propagated and then refined."""
        with torch.autocast(spectra.long.device.type, enabled=False):
            magnitude, bands = self._amplitudes(spectra)
            phase, _ = propagate(magnitude, self.refinement.long.hop)
            return self.refinement(magnitude, phase, bands, self.rounds)[:, None]

    def _amplitudes(
        self, spectra: Spectra
    ) -> tuple[Float[Tensor, "b n f"], Float[Tensor, "b m e"]]:
        magnitude = (spectra.long.float().clamp(max=LOUDEST).exp() - LONG_FLOOR).clamp_min(1e-4)
        bands = (spectra.short.float().clamp(max=LOUDEST).exp() - SHORT_FLOOR).clamp_min(1e-4)
        return magnitude, rearrange(bands, "b n (s e) -> b (n s) e", s=SHORT_FRAMES)

    def pieces(
        self,
        codes: Int[Tensor, "b n q"],
        vectors: Callable[[Tensor], Tensor],
        frames: int,
    ) -> Iterator[Float[Tensor, "b 1 t"]]:
        """The waveform of codes, so many frames at a time, as one call would give it.

        Each piece is made with the frames around it that it depends on; where phases had got to
        is carried from one to the next.
        """
        total, w, hop = codes.shape[1], self.windows, self.refinement.long.hop
        around = -(-self.rounds * self.refinement.reach // w)
        ended: Tensor | None = None  # the phases before the frame `first`
        for start in range(0, total, frames):
            stop = min(total, start + frames)
            first, last = max(0, start - around), min(total, stop + around)
            left, right = max(0, first - self.reach), min(total, last + self.reach)
            spectra = self.spectra(vectors(codes[:, left:right]))
            own = slice((first - left) * w, (last - left) * w)
            magnitude, bands = self._amplitudes(
                Spectra(spectra.long[:, own], spectra.short[:, own])
            )
            # The next piece goes on from before its own first frame.
            ahead = (max(0, stop - around) - first) * w
            known, ended = propagate(magnitude[:, :ahead], hop, ended)
            rest, _ = propagate(magnitude[:, ahead:], hop, ended)
            phase = torch.cat([known, rest], dim=1)
            wave = self.refinement(magnitude, phase, bands, self.rounds)[:, None]
            yield wave[..., (start - first) * w * hop : (stop - first) * w * hop]

    @property
    def reach(self) -> int:
        """Frames on either side that the spectra of a frame depend on."""
        return (self.depth + 1) * (self.kernel // 2) + 1

    @torch.no_grad()
    def fit(self, vectors: Float[Tensor, "b n d"], spectra: Spectra) -> None:
        """Least squares from vectors and their neighbours to the spectra."""
        self.spread.copy_(vectors.flatten(0, 1).std(dim=0).clamp_min(1e-3))
        x = F.pad(vectors / self.spread, (0, 0, 1, 1))
        ones = torch.ones_like(vectors[..., :1])
        x = torch.cat([x[:, :-2], x[:, 1:-1], x[:, 2:], ones], dim=-1).flatten(0, 1)
        y = torch.cat([spectra.long, spectra.short], dim=-1)
        y = rearrange(y, "b (n w) e -> (b n) (w e)", w=self.windows)
        ridge = 1e-3 * len(x) * torch.eye(x.shape[1], device=x.device)
        weights = torch.linalg.solve(x.T @ x + ridge, x.T @ y)
        d = vectors.shape[-1]
        self.linear.weight.copy_(rearrange(weights[:-1], "(k d) e -> e d k", k=3, d=d))
        assert self.linear.bias is not None
        self.linear.bias.copy_(weights[-1])


def misfits(told: Spectra, true: Spectra, analysis: Analysis) -> dict[str, Float[Tensor, ""]]:
    """Mean distances of log magnitudes: what is loud and low counts most, as it does to an ear.

    "tune" and "slope" weigh bins by the root of their magnitude, the second between neighbours,
    which is where the pitch of a partial lies; "long" and "short" weigh them alike; "loudness"
    hears the noise of the upper bins as loudness only.
    """
    bins = torch.arange(true.long.shape[-1], device=true.long.device)
    low = 1.0 / (1.0 + bins / analysis.low_bins)
    low = low / low.mean()
    loud = (0.5 * true.long).exp()
    weight = low * loud / loud.mean(dim=-1, keepdim=True)
    apart = told.long - true.long
    heard, there = (torch.log(x.long.clamp(max=LOUDEST).exp() + 1.0) for x in (told, true))
    slopes = apart.diff(dim=-1).abs().clamp(max=2.0)
    mel = [0.5 * ((2 * x.long.clamp(max=LOUDEST)).exp() @ analysis.mel).log() for x in (told, true)]
    return {
        "tune": (weight * (heard - there).abs()).mean(),
        "slope": (weight[..., 1:] * slopes).mean(),
        "long": (low * apart.abs()).mean(),
        "short": (told.short - true.short).abs().mean(),
        "loudness": (mel[0] - mel[1]).abs().mean(),
    }
