"""The paper's semantic tokens: k-means over a layer of w2v-BERT (MusicLM section 3.1).

>>> from musiclm.semantic.w2v_bert import W2vBertConfig
>>> tiny = W2vBertConfig(dim=16, heads=2, hidden=32, contrastive_layers=1, masked_layers=1,
...     feature_layer=1, conv_channels=4, codes=16, code_dim=8, clusters=8)
>>> wave = torch.randn(1, 1, 48_000, generator=torch.Generator().manual_seed(0))
>>> tokenizer = W2vBertTokenizer(W2vBert(tiny))
>>> tokenizer.fit([wave], torch.Generator().manual_seed(0))
>>> tokenizer.tokenize(wave).shape
torch.Size([1, 50])
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.semantic import clusters
from musiclm.semantic.w2v_bert import W2vBert


class W2vBertTokenizer(nn.Module):
    """Waveform -> 25 ids a second, of layer `feature_layer`; untrained until `fit`."""

    mean: Tensor
    std: Tensor
    centroids: Tensor

    def __init__(self, model: W2vBert) -> None:
        super().__init__()
        self.model = model.eval()
        clusters.reserve(self, model.config.dim, model.config.clusters)

    @torch.no_grad()
    def tokenize(self, wave: Float[Tensor, "b 1 t"]) -> Int[Tensor, "b n"]:
        """Frame by frame, ceil(t / 960) ids below `clusters`, repeats kept."""
        return clusters.ids(self, self.model.features(wave))

    def fit(
        self, waves: Iterable[Float[Tensor, "b 1 t"]], generator: torch.Generator | None = None
    ) -> None:
        """Cluster the layer's activations over `waves`."""
        clusters.fit(self, map(self.model.features, waves), generator=generator)
