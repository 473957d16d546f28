"""Semantic tokens: the nearest k-means centroid of each frame's features (MusicLM section 3.1).

Each dimension is first standardised to zero mean and unit variance, as in AudioLM (section 3.1).
Musical features are then weighted by kind (not in the paper); musical.py says how.

>>> from musiclm.semantic.w2v_bert import W2vBertConfig
>>> tiny = W2vBertConfig(dim=16, heads=2, hidden=32, contrastive_layers=1, masked_layers=1,
...     feature_layer=1, conv_channels=4, codes=16, code_dim=8, clusters=8)
>>> generator = torch.Generator().manual_seed(0)
>>> wave = torch.randn(1, 1, 48_000, generator=generator)
>>> tokenizer = fit(W2vBert(tiny), [wave], generator=generator)
>>> tokenizer.tokenize(wave).shape
torch.Size([1, 50])
"""

from collections.abc import Iterable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.nn.kmeans import kmeans, nearest
from musiclm.semantic.w2v_bert import W2vBert


class SemanticTokenizer(nn.Module):
    """Waveform -> 25 ids a second; `fit` makes one from a trained w2v-BERT."""

    mean: Tensor
    std: Tensor
    centroids: Tensor

    def __init__(self, model: W2vBert) -> None:
        super().__init__()
        self.model = model.eval()
        dim = model.feature_dim
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.register_buffer("centroids", torch.zeros(model.config.clusters, dim))

    def standardise(self, features: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Each dimension at mean 0, deviation 1 over the audio that the tokenizer was fitted on."""
        return (features.float() - self.mean) / self.std

    @torch.no_grad()
    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n"]:
        """Frame by frame, ceil(t / 960) ids below `clusters`, duplicates kept."""
        features = self.standardise(self.model.features(wave))
        ids = nearest(rearrange(features, "b n d -> (b n) d"), self.centroids)
        return rearrange(ids, "(b n) -> b n", b=wave.shape[0])


@torch.no_grad()
def fit(
    model: W2vBert,
    waves: Iterable[Float[Tensor, "b 1 t"]],
    *,
    generator: torch.Generator | None = None,
    iterations: int = 30,
) -> SemanticTokenizer:
    """Standardise the features of `waves`, and cluster them into `model.config.clusters` tokens."""
    tokenizer = SemanticTokenizer(model)
    features = torch.cat(
        [rearrange(model.features(wave), "b n d -> (b n) d").float().cpu() for wave in waves]
    )
    tokenizer.mean.copy_(features.mean(dim=0))
    tokenizer.std.copy_(features.std(dim=0).clamp_min(1e-5))
    if model.clustered is not None:
        # Numbers count by their deviation: those that are divided by less count more.
        tokenizer.std.div_(model.clustered.weights().to(tokenizer.std))
    rows = (features - tokenizer.mean.cpu()) / tokenizer.std.cpu()
    centroids = kmeans(rows, model.config.clusters, iterations, generator)
    tokenizer.centroids.copy_(centroids)
    return tokenizer
