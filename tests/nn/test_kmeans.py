"""Centroids that k-means finds, and the ids that rows get."""

import pytest
import torch

from musiclm.nn import kmeans as module
from musiclm.nn.kmeans import kmeans, nearest


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(clusters: int, each: int, dim: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    middles = 20.0 * torch.randn(clusters, dim, generator=seeded(1))
    noise = 0.1 * torch.randn(clusters, each, dim, generator=seeded(2))
    return (middles[:, None] + noise).flatten(0, 1), middles


def test_separated_clusters_are_found() -> None:
    x, middles = blobs(clusters=8, each=50)
    centroids = kmeans(x, 24, 20, seeded())  # enough that each blob is sampled at the start
    assert torch.cdist(middles, centroids).min(dim=1).values.max() < 0.2


def test_centroids_are_the_means_of_their_rows() -> None:
    x, _ = blobs(clusters=8, each=50)
    centroids = kmeans(x, 6, 50, seeded())
    ids = nearest(x, centroids)
    for k, centroid in enumerate(centroids):
        torch.testing.assert_close(x[ids == k].mean(dim=0), centroid)


def test_nearest_agrees_with_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    x, centroids = torch.randn(50, 5, generator=seeded()), torch.randn(9, 5, generator=seeded(3))
    assert torch.equal(nearest(x, centroids), torch.cdist(x, centroids).argmin(dim=1))


def test_iterations_lessen_the_distance() -> None:
    x = torch.randn(500, 6, generator=seeded())

    def misfit(iterations: int) -> float:
        return torch.cdist(x, kmeans(x, 32, iterations, seeded())).min(dim=1).values.mean().item()

    assert misfit(10) < 0.95 * misfit(0)


def test_every_cluster_is_used_though_most_rows_are_equal() -> None:
    x = torch.cat([torch.zeros(500, 2), torch.randn(16, 2, generator=seeded())])
    centroids = kmeans(x, 16, 20, seeded())
    assert nearest(x, centroids).unique().numel() >= 15


def test_fewer_rows_than_clusters_is_fine() -> None:
    x = torch.randn(5, 3, generator=seeded())
    centroids = kmeans(x, 12, 3, seeded())
    assert centroids.shape == (12, 3)
    assert torch.cdist(x, centroids).min(dim=1).values.max() < 1e-3


def test_the_same_seed_gives_the_same_centroids() -> None:
    x = torch.randn(100, 3, generator=seeded())
    assert torch.equal(kmeans(x, 8, 5, seeded(4)), kmeans(x, 8, 5, seeded(4)))
    assert not torch.equal(kmeans(x, 8, 5, seeded(4)), kmeans(x, 8, 5, seeded(5)))
