"""Semantic tokens without a network: k-means over musical features (not in the paper).

Pitch classes, loudness by band, onsets and the place in the beat (musical.py), each kind at its
weight. They stand beside those of w2v-BERT where there is no time to train one: `[semantic]`
`tokenizer = "musical"`.

>>> wave = torch.randn(1, 1, 48_000, generator=torch.Generator().manual_seed(0))
>>> tokenizer = MusicalTokenizer(MusicalConfig(clusters=8))
>>> tokenizer.fit([wave], torch.Generator().manual_seed(0))
>>> tokenizer.tokenize(wave).shape
torch.Size([1, 50])
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.audio import SAMPLE_RATE
from musiclm.semantic import clusters
from musiclm.semantic.musical import MusicalFeatures
from musiclm.semantic.pieces import in_pieces
from musiclm.tokens import SEMANTIC

FRAME = SAMPLE_RATE // SEMANTIC.rate  # samples
PIECE, MARGIN = 30 * SEMANTIC.rate, 2 * SEMANTIC.rate  # frames; the pulse looks 2 s around itself


@dataclass(frozen=True)
class MusicalConfig:
    """Nothing is learned but the centroids."""

    tokenizer: Literal["musical"] = "musical"
    clusters: int = SEMANTIC.size  # k-means centroids: the size of the semantic alphabet

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return SAMPLE_RATE / FRAME


class MusicalTokenizer(nn.Module):
    """Waveform -> 25 ids a second, of weighted musical features; untrained until `fit`."""

    mean: Tensor
    std: Tensor
    centroids: Tensor

    def __init__(self, config: MusicalConfig) -> None:
        super().__init__()
        self.config = config
        self.musical = MusicalFeatures(FRAME, pulse=True)
        clusters.reserve(self, self.musical.width, config.clusters)

    def features(self, wave: Float[Tensor, "b 1 t"]) -> Float[Tensor, "b n d"]:
        """[b 1 t] -> [b ceil(t/960) 40], not yet weighted."""
        return in_pieces(self.musical, wave, FRAME, step=PIECE, margin=MARGIN)

    @torch.no_grad()
    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n"]:
        """Frame by frame, ceil(t / 960) ids below `clusters`, repeats kept."""
        return clusters.ids(self, self.features(wave))

    def fit(
        self, waves: Iterable[Float[Tensor, "b 1 t"]], generator: torch.Generator | None = None
    ) -> None:
        """Cluster the features over `waves`, each kind of number at its weight."""
        weights = self.musical.weights()
        clusters.fit(self, map(self.features, waves), weights=weights, generator=generator)
