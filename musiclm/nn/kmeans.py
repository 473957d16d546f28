"""k-means: semantic tokens are the nearest of 1024 centroids (AudioLM section 3.1; MusicLM 3.1).

The residual quantiser starts from it too (SoundStream section III-C).

>>> points = torch.tensor([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]])
>>> centroids = kmeans(points, 2, iterations=5, generator=torch.Generator().manual_seed(0))
>>> nearest(points, centroids).unique().numel()
2
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROWS_AT_ONCE = 16384  # bounds the distance table: 64 MiB of float32 at 1024 centroids


def nearest(x: Float[Tensor, "n d"], centroids: Float[Tensor, "k d"]) -> Int[Tensor, " n"]:
    """Index of the centroid at the least Euclidean distance from each row."""
    offset = 0.5 * centroids.square().sum(dim=1)
    # |x - c|^2 = |x|^2 - 2 (x.c - |c|^2 / 2): the first term does not change the winner.
    parts = [
        torch.addmm(-offset, rows, centroids.T).argmax(dim=1) for rows in x.split(ROWS_AT_ONCE)
    ]
    return torch.cat(parts)


def kmeans(
    x: Float[Tensor, "n d"], k: int, iterations: int, generator: torch.Generator | None = None
) -> Float[Tensor, "k d"]:
    """Lloyd's algorithm from k sampled rows; an empty cluster moves to a row that fits worst.

    With fewer rows than clusters some centroids coincide.
    """
    n = x.shape[0]
    order = torch.randperm(n, generator=generator, device=_home(generator, x)).to(x.device)
    centroids = x[order.repeat(-(-k // n))[:k]].clone()
    for _ in range(iterations):
        ids = nearest(x, centroids)
        counts = torch.bincount(ids, minlength=k)
        sums = torch.zeros_like(centroids).index_add_(0, ids, x)
        empty = counts == 0
        moved = sums / counts.clamp(min=1).unsqueeze(1).to(x.dtype)
        if empty.any():
            misfit = (x - centroids[ids]).square().sum(dim=1)
            worst = misfit.argsort(descending=True)
            moved[empty] = x[worst.repeat(-(-k // n))[: int(empty.sum())]]
        centroids = moved
    return centroids


def _home(generator: torch.Generator | None, x: Tensor) -> torch.device:
    # A generator draws on its own device only; a CPU generator serves an accelerator's tensors too.
    return x.device if generator is None else generator.device
