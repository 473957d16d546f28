"""w2v-BERT (Chung et al. 2021): learns from sound alone what a frame must be, given the others.

A contrastive module finds the code of each hidden frame among others; a masked-prediction module on
top of it names the code. MusicLM (section 3.1) reads its semantic tokens off layer 7 of the second.

>>> tiny = W2vBertConfig(dim=16, heads=2, contrastive_layers=1, masked_layers=1, feature_layer=1,
...     conv_channels=4, codes=16, code_dim=8)
>>> model = W2vBert(tiny)
>>> model.features(torch.zeros(1, 1, 24_001)).shape
torch.Size([1, 26, 16])
>>> sorted(model(torch.randn(1, 1, 24_000)).losses)
['contrastive', 'diversity', 'masked']
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE
from musiclm.errors import UserError
from musiclm.nn.spectrogram import LogMel
from musiclm.semantic import losses as terms
from musiclm.semantic.conformer import Conformer
from musiclm.semantic.masking import hide, span_mask
from musiclm.semantic.musical import MusicalFeatures, MusicalQuantizer
from musiclm.semantic.pieces import in_pieces, whole_frames
from musiclm.semantic.quantizer import GumbelQuantizer, Picked

REDUCTION = 4  # mel frames of one output frame: two convolutions of stride 2


@dataclass(frozen=True)
class W2vBertConfig:
    """w2v-BERT XL, 0.6 billion parameters: the encoder of MusicLM and AudioLM."""

    tokenizer: Literal["w2v-bert"] = "w2v-bert"
    mel_bins: int = 80
    window: int = 600  # samples; not in the paper
    hop: int = 240  # 10 ms at 24 kHz
    conv_channels: int = 256  # not in the paper
    dim: int = 1024
    heads: int = 8
    hidden: int = 4096  # feed-forward width; not in the paper
    kernel: int = 5  # of the depthwise convolution; not in the paper
    contrastive_layers: int = 12
    masked_layers: int = 12
    dropout: float = 0.1  # not in the paper
    codes: int = 1024
    code_dim: int = 1024
    gumbel_temperature: float = 1.0  # not in the paper; wav2vec 2.0 goes from 2 to 0.5
    distractors: int = 100  # not in the paper; as in wav2vec 2.0
    contrastive_temperature: float = 0.1  # not in the paper; as in wav2vec 2.0
    mask_start: float = 0.065  # probability that a hidden span starts at a frame
    mask_span: int = 10  # frames
    mask_scale: float = 0.1  # deviation of the noise that hides a frame; not in the paper
    feature_layer: int = 7  # of the masked module, from 1 (MusicLM section 3.1); 0, -1: before it
    clusters: int = 1024  # k-means centroids over that layer: the size of the semantic alphabet
    musical: bool = False  # hear and guess pitch and onsets: see musical.py; not in the paper
    pulse: bool = False  # among the musical features: where in its beat a frame is
    window_seconds: float = 30.0  # long recordings are heard in such pieces; not in the paper
    margin_seconds: float = 2.0  # heard on both sides of a piece as context; not in the paper

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.dim % self.heads or (self.dim // self.heads) % 2:
            raise UserError(f"dim {self.dim} must be an even multiple of heads {self.heads}")
        if not -self.contrastive_layers < self.feature_layer <= self.masked_layers:
            raise UserError(
                f"feature_layer {self.feature_layer} must be one of {self.masked_layers} masked "
                f"layers, or one of {self.contrastive_layers} before them counted down from 0"
            )
        if not 0.0 < self.mask_start < 1.0 or self.mask_span < 1:
            raise UserError(f"cannot mask with start {self.mask_start} and span {self.mask_span}")
        if self.pulse and not self.musical:
            raise UserError("pulse = true needs musical = true")

    @property
    def frame(self) -> int:
        """Samples of one output frame."""
        return REDUCTION * self.hop

    @property
    def blocks_heard(self) -> int:
        """Conformers up to the feature layer."""
        return self.contrastive_layers + self.feature_layer

    @property
    def frame_rate(self) -> float:
        """Output frames a second."""
        return SAMPLE_RATE / self.frame


class W2vBertOutput(NamedTuple):
    """One training step's terms, by name; weights are `losses.LOSS_WEIGHTS`."""

    losses: dict[str, Float[Tensor, ""]]
    metrics: dict[str, Float[Tensor, ""]]


class FrontEnd(nn.Module):
    """Waveform -> 25 frames a second: log-mel, then two convolutions that halve time and pitch."""

    def __init__(self, config: W2vBertConfig) -> None:
        super().__init__()
        channels = config.conv_channels
        self.mel = LogMel(SAMPLE_RATE, config.window, config.hop, config.mel_bins)
        self.first = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        bins = -(-config.mel_bins // REDUCTION)
        self.project = nn.Linear(channels * bins, config.dim)
        self.musical = nn.Linear(_musical(config).width, config.dim) if config.musical else None
        self.norm = nn.LayerNorm(config.dim)

    def forward(
        self, wave: Float[Tensor, "b 1 t"], musical: Float[Tensor, "b n m"] | None
    ) -> Float[Tensor, "b n d"]:
        """Whole frames of sound (and their musical features) -> [b n d]."""
        mel = self.mel(rearrange(wave, "b 1 t -> b t"))
        x = rearrange((mel + 6.3) / 2.2, "b n bins -> b 1 n bins")
        x = F.silu(self.second(F.silu(self.first(x))))
        x = self.project(rearrange(x, "b c n bins -> b n (c bins)"))
        if self.musical is not None:
            x = x + self.musical(musical)
        return self.norm(x)


class W2vBert(nn.Module):
    """Conformers that learn by guessing hidden frames."""

    def __init__(self, config: W2vBertConfig) -> None:
        super().__init__()
        self.config = config
        self.front = FrontEnd(config)
        self.musical = _musical(config) if config.musical else None
        self.quantizer: nn.Module
        code_dim = config.code_dim
        if self.musical is not None:
            code_dim = self.musical.width
            self.quantizer = MusicalQuantizer(config.codes, code_dim)
        else:
            self.quantizer = GumbelQuantizer(
                config.dim, config.codes, config.code_dim, config.gumbel_temperature
            )
        self.contrastive = _stack(config, config.contrastive_layers)
        self.masked = _stack(config, config.masked_layers)
        self.code_head = nn.Linear(config.dim, code_dim)
        self.id_head = nn.Linear(config.dim, config.codes)

    def forward(
        self, wave: Float[Tensor, "b 1 t"], generator: torch.Generator | None = None
    ) -> W2vBertOutput:
        """Hide some frames of each clip, guess them, and say how well that went."""
        config = self.config
        frames, musical = self._hear(wave)
        picked = self.quantizer(frames if musical is None else musical, generator)
        batch, num_frames, _ = frames.shape
        mask = span_mask(batch, num_frames, config.mask_start, config.mask_span, generator)
        mask = mask.to(frames.device)
        context = self.contrastive(hide(frames, mask, config.mask_scale, generator))
        return self._terms(picked, mask, context, generator)

    def _terms(
        self,
        picked: Picked,
        mask: Bool[Tensor, "b n"],
        context: Float[Tensor, "b n d"],
        generator: torch.Generator | None,
    ) -> W2vBertOutput:
        config = self.config
        similar = terms.contrastive_logits(
            self.code_head(context), picked.vectors, config.contrastive_temperature
        )
        rival = terms.rivals(picked.ids, mask, config.distractors, generator)
        contrastive, found = terms.contrastive_loss(similar, mask, rival)
        ids = self.id_head(self.masked(context)[mask])
        masked, named = terms.masked_loss(ids, picked.best[mask])
        diversity = terms.diversity_loss(picked.probabilities)
        return W2vBertOutput(
            {"contrastive": contrastive, "diversity": diversity, "masked": masked},
            {
                "contrastive_accuracy": found,
                "masked_accuracy": named,
                "codebook_usage": terms.usage(picked.best, config.codes),
            },
        )

    @torch.no_grad()
    def features(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """Activations of the feature layer, ceil(t / 960) frames, heard in pieces."""
        config = self.config
        step = max(1, round(config.window_seconds * config.frame_rate))
        margin = round(config.margin_seconds * config.frame_rate)
        return in_pieces(self._activations, wave, config.frame, step=step, margin=margin)

    @torch.no_grad()
    def layers(self, wave: Float[Tensor, "b 1 t"]) -> dict[int, Float[Tensor, "b n d"]]:
        """Activations of every layer, numbered as `feature_layer`; of the lowest, what they hear.

        The wave is heard in one piece.
        """
        x, _ = self._hear(wave)
        lowest = -self.config.contrastive_layers
        found = {lowest: x}
        for number, block in enumerate([*self.contrastive, *self.masked], lowest + 1):
            found[number] = x = block(x)
        return found

    def _activations(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        x, _ = self._hear(wave)
        for block in [*self.contrastive, *self.masked][: self.config.blocks_heard]:
            x = block(x)
        return x

    def _hear(
        self, wave: Float[Tensor, "b 1 t"]
    ) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b n m"] | None]:
        wave = whole_frames(wave, self.config.frame)
        musical = None if self.musical is None else self.musical(wave)
        return self.front(wave, musical), musical


def _musical(config: W2vBertConfig) -> MusicalFeatures:
    return MusicalFeatures(config.frame, config.pulse)


def _stack(config: W2vBertConfig, layers: int) -> nn.Sequential:
    return nn.Sequential(
        *(
            Conformer(
                config.dim, config.heads, config.hidden, config.kernel, dropout=config.dropout
            )
            for _ in range(layers)
        )
    )
