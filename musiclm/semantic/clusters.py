"""k-means tokens of frames: the nearest of 1024 centroids (AudioLM section 3.1; MusicLM 3.1).

Each dimension is first standardised to zero mean and unit variance, as in AudioLM (section 3.1).
What is standardised and clustered is up to the tokenizers that use this.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from musiclm.nn.kmeans import kmeans, nearest

ITERATIONS = 30  # of Lloyd's algorithm; not in the paper


@runtime_checkable  # the tests check the types of arguments
class Clustered(Protocol):
    """A module that `reserve` gave its buffers."""

    mean: Tensor  # [d]
    std: Tensor  # [d]; less than the deviation where a number counts for more
    centroids: Tensor  # [clusters d], of standardised features


def reserve(module: nn.Module, dim: int, clusters: int) -> None:
    """Give a module the buffers of `Clustered`, for `fit` or a checkpoint to fill."""
    module.register_buffer("mean", torch.zeros(dim))
    module.register_buffer("std", torch.ones(dim))
    module.register_buffer("centroids", torch.zeros(clusters, dim))


def standardise(own: Clustered, features: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    """Each dimension at mean 0, deviation 1 (or its weight) over the audio that was fitted on."""
    return (features.float() - own.mean) / own.std


def ids(own: Clustered, features: Float[Tensor, "b n d"]) -> Int[Tensor, "b n"]:
    """The nearest centroid of each frame's features, not yet standardised; repeats are kept."""
    rows = rearrange(standardise(own, features), "b n d -> (b n) d")
    return rearrange(nearest(rows, own.centroids), "(b n) -> b n", b=features.shape[0])


@torch.no_grad()
def fit(
    own: Clustered,
    features: Iterable[Float[Tensor, "b n d"]],
    *,
    weights: float | Float[Tensor, " d"] = 1.0,
    generator: torch.Generator | None = None,
) -> None:
    """Standardise all frames of `features` and cluster them, on the CPU, by `generator`.

    `weights` are the deviations that the dimensions get: one counts in distances by its deviation.
    """
    rows = torch.cat([rearrange(part, "b n d -> (b n) d").float().cpu() for part in features])
    mean, std = rows.mean(dim=0), rows.std(dim=0).clamp_min(1e-5) / weights
    own.mean.copy_(mean)
    own.std.copy_(std)
    rows = (rows - mean) / std
    own.centroids.copy_(kmeans(rows, len(own.centroids), ITERATIONS, generator))
