"""MuLan: text and audio in one space (arXiv 2208.12415; MusicLM sections 2.5 and 3.1).

>>> from musiclm.mulan.audio_tower import AudioTowerConfig
>>> small = AudioTowerConfig(bins=32, width=16, layers=1, heads=2, hidden=32)
>>> text = TextTowerConfig(layers=1, width=16, heads=2, hidden=32, vocabulary=99)
>>> mulan = MuLan(MuLanConfig(audio=small, text=text)).eval()
>>> audio = mulan.embed_audio(torch.randn(2, 1, 24_000))
>>> mulan.similarity(audio, mulan.embed_text(["a calm piano piece"])).shape
torch.Size([2, 1])
"""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from musiclm.errors import UserError
from musiclm.mulan.audio_tower import AudioTower, AudioTowerConfig
from musiclm.mulan.text_tower import TextTower, TextTowerConfig

WINDOWS_AT_ONCE = 32  # bounds the memory of long clips


@dataclass(frozen=True)
class MuLanConfig:
    """The paper's numbers."""

    embed_dim: int = 128
    window_seconds: float = 10.0
    stride_seconds: float = 1.0
    temperature: float = 0.1  # where the learned one starts
    levels: int = 12  # of the residual quantiser
    codes: int = 1024  # of a level
    # How the quantiser brings text near audio; docs/log.md has the figures. Not in the paper.
    level_codes: tuple[int, ...] = ()  # codes in use at each level, coarse to fine; empty: all
    pair_means: bool = False  # codes of what a clip and its caption share, not of audio alone
    text_map: bool = False  # text is moved by a linear map learned on pairs
    audio: AudioTowerConfig = field(default_factory=AudioTowerConfig)
    text: TextTowerConfig = field(default_factory=TextTowerConfig)

    def __post_init__(self) -> None:
        """Refuse windows that the audio tower cannot hold, and levels that do not fit."""
        frames = self.window_samples / self.audio.hop
        if self.audio.stem == "patch" and frames > self.audio.max_frames:
            raise UserError(
                f"a window of {self.window_seconds} s is {frames:.0f} frames, but the audio tower "
                f"has positions for {self.audio.max_frames}"
            )
        if self.stride_samples < 1 or self.temperature <= 0:
            raise UserError("MuLan's stride_seconds and temperature must be above 0")
        used = self.level_codes
        if used and (len(used) != self.levels or not all(0 < k <= self.codes for k in used)):
            raise UserError(
                f"MuLan's level_codes must name 1 to {self.codes} codes for each of its "
                f"{self.levels} levels, not {list(used)}"
            )

    @property
    def window_samples(self) -> int:
        """Samples of one window."""
        return round(self.window_seconds * self.audio.sample_rate)

    @property
    def stride_samples(self) -> int:
        """Samples from one window to the next."""
        return round(self.stride_seconds * self.audio.sample_rate)


class MuLan(nn.Module):
    """Two towers that know nothing of each other, and the temperature between them."""

    def __init__(self, config: MuLanConfig) -> None:
        super().__init__()
        self.config = config
        self.audio = AudioTower(config.audio, config.embed_dim)
        self.text = TextTower(config.text, config.embed_dim)
        self.log_tau = nn.Parameter(torch.tensor(math.log(config.temperature)))

    def embed_audio(
        self, wave: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d"]:
        """Unit vectors: the mean over 10 s windows at a stride of 1 s (MusicLM section 3.1).

        In training mode a generator turns on SpecAugment.
        """
        windows = self.windows(wave)
        flat = rearrange(windows, "b w t -> (b w) t")
        parts = [self.audio(part, generator) for part in flat.split(WINDOWS_AT_ONCE)]
        vectors = F.normalize(torch.cat(parts).float(), dim=-1)
        vectors = rearrange(vectors, "(b w) d -> b w d", w=windows.shape[1])
        return F.normalize(vectors.mean(dim=1), dim=-1)

    def embed_spectrogram(
        self, mel: Float[Tensor, "b n f"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d"]:
        """Unit vectors of one window each, whose log-mel is known already."""
        parts = [self.audio.read(part, generator) for part in mel.split(WINDOWS_AT_ONCE)]
        return F.normalize(torch.cat(parts).float(), dim=-1)

    def windows(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b w t2"]:
        """Cut into windows; a clip shorter than one repeats until it fills one.

        In training mode a short clip is one short window: the crop is the trainer's choice.
        """
        window, wave = self.config.window_samples, wave.squeeze(1)
        if self.training:
            window = min(window, wave.shape[-1])
        if not wave.shape[-1]:
            raise UserError("cannot embed a clip without samples")
        if wave.shape[-1] < window:
            # Silence would count as part of the music.
            wave = wave.repeat(1, -(-window // wave.shape[-1]))[:, :window]
        return wave.unfold(-1, window, self.config.stride_samples)

    def text_features(self, texts: list[str]) -> Float[Tensor, "b f"]:
        """What the text encoder makes of sentences; worth keeping where it is frozen."""
        return self.text.features(texts)

    def embed_text_features(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b d"]:
        """The trained head: features -> unit vectors."""
        return F.normalize(self.text.head(features).float(), dim=-1)

    def embed_text(self, texts: list[str]) -> Float[Tensor, "b d"]:
        """Sentences -> unit vectors."""
        return self.embed_text_features(self.text_features(texts))

    def similarity(
        self, audio: Float[Tensor, "a d"], text: Float[Tensor, "c d"]
    ) -> Float[Tensor, "a c"]:
        """Cosine of every clip with every sentence."""
        return audio @ text.T

    @property
    def temperature(self) -> float:
        """The learned temperature."""
        return self.log_tau.exp().item()
