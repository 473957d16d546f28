"""The three terms: chance, perfection, collapse."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from musiclm.semantic.losses import (
    collapse_warning,
    collapse_warnings,
    contrastive_logits,
    contrastive_loss,
    diversity_loss,
    masked_loss,
    rivals,
    usage,
)
from musiclm.semantic.quantizer import GumbelQuantizer


def test_contrastive_loss_at_chance_is_the_log_of_the_candidates():
    mask = torch.ones(1, 21, dtype=torch.bool)
    rival = rivals(torch.arange(21)[None], mask, 10, torch.Generator().manual_seed(0))
    loss, _ = contrastive_loss(torch.zeros(1, 21, 21), mask, rival)
    assert loss.item() == pytest.approx(math.log(11))


def test_contrastive_loss_vanishes_when_context_equals_code():
    codes = torch.randn(2, 30, 64, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(2, 30, generator=torch.Generator().manual_seed(1)) < 0.5
    rival = rivals(torch.arange(30).expand(2, 30), mask, 100)
    loss, accuracy = contrastive_loss(contrastive_logits(codes, codes, 0.05), mask, rival)
    assert loss < 0.01
    assert accuracy == 1.0


def test_rivals_are_hidden_frames_with_another_code_and_as_many_as_asked():
    ids = torch.randint(0, 40, (3, 200), generator=torch.Generator().manual_seed(0))
    mask = torch.rand(3, 200, generator=torch.Generator().manual_seed(1)) < 0.5
    rival = rivals(ids, mask, 25, torch.Generator().manual_seed(2))
    clip, i, j = rival.nonzero(as_tuple=True)
    assert mask[clip, j].all()
    assert (ids[clip, i] != ids[clip, j]).all()
    assert (rival.sum(dim=-1) == 25).all()


def test_same_code_everywhere_leaves_no_rival_and_no_loss():
    ids, mask = torch.zeros(1, 12, dtype=torch.long), torch.ones(1, 12, dtype=torch.bool)
    loss, _ = contrastive_loss(torch.randn(1, 12, 12), mask, rivals(ids, mask, 5))
    assert loss == 0.0


def test_diversity_is_zero_when_even_and_almost_one_when_collapsed():
    assert diversity_loss(torch.full((1, 7, 64), 1 / 64)) == pytest.approx(0.0, abs=1e-5)
    one = one_hot(torch.zeros(1, 7, dtype=torch.long), 64).float()
    assert diversity_loss(one).item() == pytest.approx(63 / 64)


def test_usage_counts_distinct_codes():
    assert usage(torch.tensor([[0, 0, 1, 1]]), 1024) == 0.5
    assert usage(torch.arange(8)[None], 4 * 8) == 1.0


def test_alarm_sounds_for_a_collapsed_quantizer_and_only_then():
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(8, 512, 4)
    x = torch.randn(4, 100, 8, generator=torch.Generator().manual_seed(0))

    def terms() -> dict[str, float]:
        picked = quantizer(x, torch.Generator().manual_seed(1))
        # A predictor that knows nothing but how often each code occurs.
        logits = picked.probabilities.mean(dim=(0, 1)).log().expand(400, 512)
        loss, accuracy = masked_loss(logits, picked.best.flatten())
        return {
            "masked": loss.item(),
            "masked_accuracy": accuracy.item(),
            "diversity": diversity_loss(picked.probabilities).item(),
        }

    assert collapse_warning(terms()) is None
    with torch.no_grad():
        quantizer.logits.bias[3] = 30.0
    warning = collapse_warning(terms())
    assert warning is not None
    assert "collapsed" in warning


def test_alarm_sounds_for_codes_that_go_unused():
    healthy = {"masked": 4.0, "masked_accuracy": 0.2, "diversity": 0.6, "codebook_usage": 0.5}
    assert collapse_warnings(healthy) == []
    (sentence,) = collapse_warnings(healthy | {"codebook_usage": 0.04})
    assert "4.0% of the codes" in sentence
    gone = {"masked": 0.0, "masked_accuracy": 1.0, "diversity": 0.999, "codebook_usage": 0.002}
    assert len(collapse_warnings(gone)) == 2


def test_gumbel_choice_follows_its_probabilities_and_passes_gradients():
    quantizer = GumbelQuantizer(2, 3, 4)
    with torch.no_grad():
        quantizer.logits.weight.zero_()
        quantizer.logits.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    picked = quantizer(torch.zeros(1, 20_000, 2), torch.Generator().manual_seed(0))
    share = picked.ids.flatten().bincount(minlength=3) / 20_000
    assert torch.allclose(share, torch.tensor([0.5, 0.3, 0.2]), atol=0.02)
    assert torch.allclose(picked.vectors, quantizer.codebook[picked.ids], atol=1e-5)
    picked.vectors.square().sum().backward()
    assert quantizer.logits.bias.grad is not None
    assert quantizer.logits.bias.grad.abs().max() > 0
