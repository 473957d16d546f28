"""Sinkhorn's cost is the linear program's, and knows nothing of order or empty bins."""

import numpy as np
import pytest
import torch

from musiclm.evaluate.transport import histogram_costs, transport


def least(cost: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """The exact optimum, by linear programming."""
    from scipy.optimize import linprog

    i, j = cost.shape
    rows = np.kron(np.eye(i), np.ones(j))
    columns = np.kron(np.ones(i), np.eye(j))
    found = linprog(
        cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([one, other])
    )
    return float(found.fun)


def problem(seed: int, size: int, dim: int = 8):
    rng = np.random.default_rng(seed)
    places, others = rng.standard_normal((size, dim)), rng.standard_normal((size + 2, dim)) + 0.3
    cost = np.linalg.norm(places[:, None] - others, axis=2)
    one, other = rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size + 2))
    return cost, one, other


@pytest.mark.parametrize("size", [2, 5, 12, 40])
def test_the_cost_is_the_linear_programs(size):
    problems = [problem(seed, size) for seed in range(4)]
    ours = transport(*(torch.from_numpy(np.stack(part)) for part in zip(*problems, strict=True)))
    theirs = np.array([least(*one) for one in problems])
    assert (ours.numpy() >= theirs - 1e-6).all()
    assert ours.numpy() == pytest.approx(theirs, rel=0.015)


def test_a_histogram_costs_nothing_against_itself():
    ids = torch.randint(50, (3, 125), generator=torch.Generator().manual_seed(0))
    centroids = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    shuffled = ids[:, torch.randperm(125, generator=torch.Generator().manual_seed(2))]
    strangers = histogram_costs(ids, ids.roll(1, 0), centroids)
    assert (histogram_costs(ids, shuffled, centroids) < 0.01 * strangers).all()


def test_costs_scale_with_distances_and_have_no_direction():
    centroids = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    ids = torch.arange(20)[None].repeat(5, 1)
    moved = ids.clone()
    for row in range(5):
        moved[row, :row] = (ids[row, :row] + 7) % 20
    costs = histogram_costs(ids, moved, centroids)
    assert (costs[1:] > 0.05).all() and costs[0] < 1e-6
    assert histogram_costs(ids, moved, 3 * centroids)[1:].numpy() == pytest.approx(
        3 * costs[1:].numpy(), rel=1e-3
    )
    assert histogram_costs(moved, ids, centroids).numpy() == pytest.approx(costs.numpy(), abs=0.01)


def test_one_token_against_one_token_costs_their_distance():
    centroids = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    ids = torch.zeros(1, 9, dtype=torch.long)
    assert histogram_costs(ids, ids + 1, centroids).item() == pytest.approx(5.0)


def test_a_pair_costs_the_same_alone_and_in_a_batch():
    generator = torch.Generator().manual_seed(0)
    ids = torch.stack([torch.randint(high, (60,), generator=generator) for high in (2, 30, 200)])
    centroids = torch.randn(200, 8, generator=generator)
    together = histogram_costs(ids, ids.roll(1, 0), centroids)
    alone = [
        histogram_costs(ids[i, None], ids.roll(1, 0)[i, None], centroids).item() for i in range(3)
    ]
    assert together.tolist() == pytest.approx(alone, rel=1e-5)


def test_no_pair_is_no_cost():
    none = torch.zeros(0, 125, dtype=torch.long)
    assert histogram_costs(none, none, torch.randn(4, 2)).shape == (0,)


def test_sequences_that_stick_have_finite_costs():
    """One token for all of the time, or for all but one of it: what greedy stages write."""
    generator = torch.Generator().manual_seed(0)
    centroids = 12 * torch.randn(1024, 64, generator=generator)
    stuck = torch.randint(1024, (300, 1), generator=generator).repeat(1, 125)
    nearly = stuck.clone()
    nearly[:, 7] = torch.randint(1024, (300,), generator=generator)
    lively = torch.randint(1024, (300, 125), generator=generator)
    distance = (centroids[stuck[:, 0]] - centroids[nearly[:, 7]]).norm(dim=1) / 125
    assert histogram_costs(stuck, nearly, centroids).numpy() == pytest.approx(
        distance.numpy(), rel=0.01, abs=1e-4
    )
    assert histogram_costs(stuck, stuck, centroids).abs().max() == 0.0
    far = torch.cdist(centroids[stuck[:, :1]], centroids[lively])[:, 0].mean(dim=1)
    assert histogram_costs(stuck, lively, centroids).numpy() == pytest.approx(far.numpy(), rel=1e-3)
