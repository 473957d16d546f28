"""Spans: how much is hidden, evenly, always something, reproducibly, behind noise."""

import torch

from musiclm.semantic.masking import hide, span_mask


def test_masked_share_follows_from_the_start_probability():
    mask = span_mask(400, 250, 0.065, 10, torch.Generator().manual_seed(0))
    assert abs(mask.float().mean().item() - (1 - 0.935**10)) < 0.02


def test_first_and_last_frames_are_hidden_as_often_as_others():
    mask = span_mask(4000, 50, 0.065, 10, torch.Generator().manual_seed(0)).float().mean(dim=0)
    assert (mask - (1 - 0.935**10)).abs().max() < 0.05


def test_hidden_frames_come_in_spans():
    mask = span_mask(200, 250, 0.01, 10, torch.Generator().manual_seed(0))
    runs = [
        run.numel()
        for row in mask
        for run in torch.tensor_split(row, torch.nonzero(row.diff())[:, 0] + 1)[1:-1]
        if run[0]
    ]
    assert min(runs) == 10
    assert len(runs) > 100


def test_every_example_hides_something():
    mask = span_mask(300, 20, 1e-6, 3, torch.Generator().manual_seed(0))
    assert mask.any(dim=1).all()
    assert (mask.sum(dim=1) <= 3).all()


def test_masks_follow_the_generator():
    first, again, other = (
        span_mask(2, 100, 0.065, 10, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_hidden_frames_become_noise_and_others_stay():
    x = torch.full((2, 500, 8), 7.0)
    mask = span_mask(2, 500, 0.065, 10, torch.Generator().manual_seed(0))
    hidden = hide(x, mask, 0.1, torch.Generator().manual_seed(1))
    assert torch.equal(hidden[~mask], x[~mask])
    assert abs(hidden[mask].std().item() - 0.1) < 0.01
    assert hidden[mask].abs().max() < 1.0  # nothing of the sevens is left
    assert hidden[mask].unique(dim=0).shape[0] == mask.sum()  # random, not one learned vector
