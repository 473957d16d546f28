"""MuLan's audio tower: a spectrogram transformer (MuLan, arXiv 2208.12415; Gong et al. 2021, AST).

Log-mel of 10 s is cut into overlapping 16 x 16 patches that a Transformer reads; their mean is the
embedding. `mini` looks at the whole band at once through a small convolutional stem, and is told
the rhythm and the harmony: minutes of training do not find tempo or mode in a spectrogram by
themselves.

>>> tower = AudioTower(AudioTowerConfig(bins=32, width=16, layers=1, heads=2, hidden=32), 8)
>>> tower(torch.zeros(2, 24_000)).shape
torch.Size([2, 8])
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.errors import UserError
from musiclm.nn.pitch import Semitones
from musiclm.nn.spectrogram import LogMel
from musiclm.nn.transformer import Block, RMSNorm

RHYTHM_BANDS = 4  # of the mel scale, whose onsets are counted apart
SHORTEST_LAG, LONGEST_LAG = 12, 260  # frames: from a semiquaver at 125 to a minim at 46 bpm
PITCHES = 84  # semitones: seven octaves
PITCH_FRAMES = 10  # mel frames to one of semitones: ten times a second
CHORD_FRAMES = 5  # of semitones to one chord: two a second
CHORDS = 48  # numbers that tell what sounds above each root
KEYS_DROPPED = 0.3  # in training: harmony has few clips' worth of chords, soon known by heart
HEAD_DROPPED = 0.2  # in training
NEAR_SILENCE = 0.02  # of the semitones' norm: softer frames say less
UNVARIED = 1e-6  # added to a variance: the slope of a root at nothing is infinite
CURVE_POINTS = 7  # of a random equaliser: one for some octave and a half
CLIPS_AT_ONCE = 2  # of spectrograms: two fit a CPU's cache, which makes them twice as fast


@dataclass(frozen=True)
class AudioTowerConfig:
    """The paper's AST variant."""

    sample_rate: int = 24_000
    window: int = 600  # samples: 25 ms
    hop: int = 240  # samples: 10 ms
    bins: int = 128
    stem: str = "patch"  # or "conv": three strided convolutions; not in the paper
    patch: tuple[int, int] = (16, 16)  # bins, frames
    stride: tuple[int, int] = (10, 10)  # bins, frames; the conv stem spans all bins
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    gated: bool = False
    dropout: float = 0.1  # not in the paper
    rhythm_lags: int = 0  # at which onsets are compared with themselves; 0: none, as in the paper
    harmony: bool = False  # chords are heard from each of twelve roots; not in the paper
    head_hidden: int = 0  # of a layer before the last map; 0: none, as in the paper
    max_frames: int = 1000  # of the position table: 10 s
    masked_bins: int = 24  # SpecAugment: widest band hidden while training; not in the paper
    masked_frames: int = 96  # SpecAugment: longest stretch hidden; not in the paper
    # Other instruments and rooms while training: off unless said; not in the paper.
    equalised: float = 0.0  # decibels: how far a random smooth curve over the band may go
    contrast: float = 0.0  # how far, in nats, the range from soft to loud is scaled
    floor: float = 0.0  # deviations under the mean: softer than this is sometimes not heard

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.stem not in ("patch", "conv"):
            raise UserError(f"unknown audio stem {self.stem!r}; legal: patch, conv")
        if self.width % self.heads:
            raise UserError(f"audio width {self.width} is not a multiple of {self.heads} heads")
        if self.patch[0] > self.bins or self.patch[1] > self.max_frames:
            raise UserError(f"a patch of {self.patch} is larger than {self.bins} mel bins")
        if self.rhythm_lags and self.bins % RHYTHM_BANDS:
            raise UserError(f"rhythm needs a multiple of {RHYTHM_BANDS} mel bins, not {self.bins}")
        if min(self.head_hidden, self.equalised, self.contrast, self.floor) < 0:
            raise UserError(
                "audio head_hidden, equalised, contrast and floor must not be negative (0: off)"
            )
        if self.stem == "conv" and (self.bins % 8 or self.stride[1] % 8):
            raise UserError(
                f"the conv stem needs multiples of 8, not {self.bins} mel bins and "
                f"{self.stride[1]} frames a token"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Patches across the band, and in `max_frames`."""
        bands = (self.bins - self.patch[0]) // self.stride[0] + 1
        return bands, (self.max_frames - self.patch[1]) // self.stride[1] + 1

    @property
    def heard(self) -> int:
        """Numbers of a frame: mel bins, and semitones if harmony is heard."""
        return self.bins + PITCHES * self.harmony


class PatchStem(nn.Module):
    """Overlapping patches, each mapped linearly and marked with its learned place."""

    def __init__(self, config: AudioTowerConfig) -> None:
        super().__init__()
        self.smallest = config.patch[1]
        self.project = nn.Conv2d(1, config.width, config.patch, config.stride)
        self.places = nn.Parameter(torch.randn(1, config.width, *config.grid) * 0.02)

    def forward(self, mel: Float[Tensor, "b n f"]) -> Float[Tensor, "b s d"]:
        """Tokens in order of time, low band first."""
        mel = F.pad(mel, (0, 0, 0, max(0, self.smallest - mel.shape[1])))
        x = self.project(rearrange(mel, "b n f -> b 1 f n"))
        return rearrange(x + self.places[..., : x.shape[-1]], "b d f n -> b (n f) d")


class ConvStem(nn.Module):
    """Three strided convolutions, then one token for `stride[1]` frames of the whole band.

    Not in the paper: with minutes of training it learns faster than patches.
    """

    def __init__(self, config: AudioTowerConfig) -> None:
        super().__init__()
        widths = (1, 16, 32, 64)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.merged = config.stride[1] // 8
        self.project = nn.Linear(self.merged * widths[-1] * config.bins // 8, config.width)

    def forward(self, mel: Float[Tensor, "b n f"]) -> Float[Tensor, "b s d"]:
        """Tokens in order of time; the Transformer's rotary positions mark their places."""
        x = rearrange(mel, "b n f -> b 1 f n")
        for conv in self.convs:
            x = F.gelu(conv(x))
        x = F.pad(x, (0, -x.shape[-1] % self.merged))
        return self.project(rearrange(x, "b c f (n m) -> b n (c f m)", m=self.merged))


class Rhythm(nn.Module):
    """How far the onsets of each band repeat after each lag: a tempogram; not in the paper."""

    lags: Float[Tensor, " lags"]  # frames

    def __init__(self, config: AudioTowerConfig) -> None:
        super().__init__()
        span = torch.linspace(math.log(SHORTEST_LAG), math.log(LONGEST_LAG), config.rhythm_lags)
        self.register_buffer("lags", span.exp(), persistent=False)
        values = RHYTHM_BANDS * config.rhythm_lags
        self.read = nn.Sequential(
            nn.LayerNorm(values),
            nn.Linear(values, config.width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
        )

    def forward(self, tempogram: Float[Tensor, "b bands lags"]) -> Float[Tensor, "b d"]:
        """One vector a clip, added to the mean of the tokens."""
        return self.read(rearrange(tempogram, "b band lag -> b (band lag)"))

    def tempogram(self, mel: Float[Tensor, "b n f"]) -> Float[Tensor, "b bands lags"]:
        """Autocorrelation of the onset strength, between frames by linear interpolation."""
        with torch.autocast(mel.device.type, enabled=False):
            return self._correlation(mel.float())

    def _correlation(self, mel: Float[Tensor, "b n f"]) -> Float[Tensor, "b bands lags"]:
        size = max(mel.shape[1] - 1, LONGEST_LAG + 2)
        onsets = mel.diff(dim=1).relu()
        onsets = rearrange(onsets, "b n (band f) -> b band f n", band=RHYTHM_BANDS).mean(dim=2)
        onsets = onsets - onsets.mean(dim=-1, keepdim=True)
        power = torch.fft.rfft(onsets, n=2 * size).abs().square()
        correlation = torch.fft.irfft(power)
        correlation = correlation / (correlation[..., :1] + 1e-6)
        below = self.lags.long()
        share = self.lags - below
        return torch.lerp(correlation[..., below], correlation[..., below + 1], share)


class Harmony(nn.Module):
    """Chords read from each of the twelve roots, then keys from each tonic; not in the paper.

    A key is heard from its chords on the whole and from how much they vary. What it learns in one
    key it knows in all; the tonics that fit speak loudest.
    """

    def __init__(self, config: AudioTowerConfig) -> None:
        super().__init__()
        hidden = config.width // 2
        self.chords = nn.Conv1d(PITCHES // 12, CHORDS, 12)
        self.keys = nn.Conv1d(2 * CHORDS, hidden, 12)
        self.dropout = nn.Dropout(KEYS_DROPPED)
        self.fit = nn.Linear(hidden, 1, bias=False)
        self.tell = nn.Linear(hidden, config.width)

    def forward(self, semitones: Float[Tensor, "b n 84"]) -> Float[Tensor, "b d"]:
        """One vector a clip, added to the mean of the tokens."""
        few = min(CHORD_FRAMES, semitones.shape[1])
        whole = semitones[:, : semitones.shape[1] // few * few]
        frames = reduce(whole, "b (n few) (o c) -> b n o c", "mean", few=few, c=12)
        frames = frames / (frames.norm(dim=(2, 3), keepdim=True) + NEAR_SILENCE)
        frames = F.layer_norm(frames, frames.shape[2:])
        chords = F.gelu(around(self.chords, rearrange(frames, "b n o c -> (b n) o c")))
        chords = rearrange(chords, "(b n) h c -> b n h c", b=len(semitones))
        variance, mean = torch.var_mean(chords, dim=1, correction=0)
        heard = torch.cat([mean, (variance + UNVARIED).sqrt()], dim=1)
        keys = F.gelu(around(self.keys, F.layer_norm(heard, heard.shape[1:])))
        read = self.dropout(rearrange(keys, "b h c -> b c h"))
        return self.tell((self.fit(read).softmax(dim=1) * read).sum(dim=1))


def around(conv: nn.Conv1d, x: Float[Tensor, "b h 12"]) -> Float[Tensor, "b h2 12"]:
    """The circle of pitch classes read from each of them: turning the input turns the output."""
    return conv(F.pad(x, (0, 11), mode="circular"))


class Head(nn.Module):
    """What only several things together tell, as tempo and mode a mood; not in the paper.

    Begins as nothing.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.dropout = nn.Dropout(HEAD_DROPPED)
        self.down = nn.Linear(hidden, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, pooled: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """One vector a clip, added to what it was read from."""
        return self.down(self.dropout(F.gelu(self.up(self.norm(pooled)))))


class Heard(NamedTuple):
    """What the tower makes of a spectrogram before anything of it is told: enough to learn from."""

    tokens: Float[Tensor, "b d"]  # their mean
    tempogram: Float[Tensor, "b bands lags"] | None
    semitones: Float[Tensor, "b n 84"] | None  # ten frames a second


class AudioTower(nn.Module):
    """Log-mel, stem, Transformer, mean over tokens (and rhythm and harmony), linear map."""

    def __init__(self, config: AudioTowerConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        self.mel = LogMel(config.sample_rate, config.window, config.hop, config.bins)
        conv = config.stem == "conv"
        self.stem = ConvStem(config) if conv else PatchStem(config)
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                config.hidden,
                gated=config.gated,
                dropout=config.dropout,
                positions="rotary" if conv else "none",
            )
            for _ in range(config.layers)
        )
        self.norm = RMSNorm(config.width)
        self.rhythm = Rhythm(config) if config.rhythm_lags else None
        self.harmony = Harmony(config) if config.harmony else None
        hidden = config.head_hidden
        self.head = Head(config.width, hidden) if hidden else None
        pitch_hop = PITCH_FRAMES * config.hop
        self.semitones = Semitones(config.sample_rate, pitch_hop) if config.harmony else None
        self.project = nn.Linear(config.width, embed_dim)

    def forward(
        self, wave: Float[Tensor, "b t"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d"]:
        """Embed clips of at most `max_frames`; in training a generator turns on augmentation."""
        return self.read(self.spectrogram(wave), generator)

    def spectrogram(self, wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n f"]:
        """Log-mel, as loud as it is; beside it the semitones, if harmony is heard."""
        return torch.cat([self._hear(clip) for clip in wave.split(CLIPS_AT_ONCE)])

    def _hear(self, wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n f"]:
        mel = self.mel(wave)
        if self.semitones is None:
            return mel
        whole = F.pad(wave, (0, -wave.shape[-1] % self.semitones.hop))
        pitches = repeat(self.semitones(whole).sqrt(), "b n s -> b (n r) s", r=PITCH_FRAMES)
        return torch.cat([mel, pitches[:, : mel.shape[1]]], dim=-1)

    def read(
        self, mel: Float[Tensor, "b n f"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d"]:
        """What `spectrogram` gave -> embeddings, not normalised."""
        return self.tell(self.hear(mel, generator))

    def hear(self, mel: Float[Tensor, "b n f"], generator: torch.Generator | None = None) -> Heard:
        """Stem and Transformer; in training a generator turns on augmentation."""
        generator = generator if self.training else None
        mel, pitches = mel.split([self.config.bins, mel.shape[-1] - self.config.bins], dim=-1)
        if generator is not None and self.config.equalised:
            batch, _, bins = mel.shape
            mel = mel + smooth_curves(batch, bins, self.config.equalised, generator).to(mel)
        # Zero mean and unit deviation over each clip: loudness says nothing.
        deviation, mean = torch.std_mean(mel, dim=(1, 2), keepdim=True, correction=0)
        mel = (mel - mean) / (deviation + 1e-3)
        if generator is not None:
            mel = other_range(mel, self.config.contrast, self.config.floor, generator)
            mel = spec_augment(mel, self.config.masked_bins, self.config.masked_frames, generator)
        x = self.stem(mel)
        for block in self.blocks:
            x = block(x)
        return Heard(
            self.norm(x).mean(dim=1),
            None if self.rhythm is None else self.rhythm.tempogram(mel),
            None if self.harmony is None else pitches[:, ::PITCH_FRAMES],
        )

    def tell(self, heard: Heard) -> Float[Tensor, "b d"]:
        """Rhythm, harmony, the head and the last map -> embeddings, not normalised."""
        pooled = heard.tokens
        if self.rhythm is not None and heard.tempogram is not None:
            pooled = pooled + self.rhythm(heard.tempogram)
        if self.harmony is not None and heard.semitones is not None:
            pooled = pooled + self.harmony(heard.semitones)
        if self.head is not None:
            pooled = pooled + self.head(pooled)
        return self.project(pooled)


def smooth_curves(
    batch: int, bins: int, decibels: float, generator: torch.Generator
) -> Float[Tensor, "b 1 f"]:
    """Random equalisers in nats of magnitude: other soundfonts, microphones and rooms.

    Drawn at a few points across the band, evenly from -`decibels` to `decibels`, and joined.

    >>> smooth_curves(2, 64, 6.0, torch.Generator()).abs().max() <= 6.0 / 8.68
    tensor(True)
    """
    nats = decibels / 20.0 * math.log(10.0)
    points = torch.rand(batch, 1, CURVE_POINTS, generator=generator, device=generator.device)
    return F.interpolate(nats * (2.0 * points - 1.0), bins, mode="linear", align_corners=True)


def other_range(
    mel: Float[Tensor, "b n f"], contrast: float, floor: float, generator: torch.Generator
) -> Float[Tensor, "b n f"]:
    """Scale each normalised spectrogram by up to e^`contrast`, and hide its softest parts.

    The level below which nothing is heard is drawn from `floor` deviations under the mean to twice
    as many: longer or shorter decays, and noise.
    """
    if contrast:
        draw = torch.rand(len(mel), 1, 1, generator=generator, device=generator.device)
        mel = mel * (contrast * (2.0 * draw - 1.0)).exp().to(mel)
    if floor:
        draw = torch.rand(len(mel), 1, 1, generator=generator, device=generator.device)
        mel = mel.maximum((-floor * (1.0 + draw)).to(mel))
    return mel


def spec_augment(
    mel: Float[Tensor, "b n f"], bins: int, frames: int, generator: torch.Generator
) -> Float[Tensor, "b n f"]:
    """Hide one random band and one random stretch of each spectrogram (Park et al. 2019)."""
    batch, num_frames, num_bins = mel.shape
    hidden = _span(batch, num_bins, bins, generator)[:, None, :]
    hidden = hidden | _span(batch, num_frames, frames, generator)[:, :, None]
    return mel.masked_fill(hidden.to(mel.device), 0.0)  # zero is the mean


def _span(batch: int, size: int, widest: int, generator: torch.Generator) -> Tensor:
    draw = torch.rand(2, batch, 1, generator=generator, device=generator.device)
    width = draw[0] * min(widest, size)
    start = draw[1] * (size - width)
    place = torch.arange(size, device=generator.device)
    return (place >= start) & (place < start + width)
