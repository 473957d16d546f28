"""Sampling draws what the scores say, and nothing that was ruled out."""

import pytest
import torch

from musiclm.errors import UserError
from musiclm.lm.sampling import Sampling, guide, sample, uniforms


def _draws(logits: torch.Tensor, sampling: Sampling, count: int = 4000) -> torch.Tensor:
    uniform = uniforms([torch.Generator().manual_seed(0)], count, 1)[0]
    return sample(logits.expand(count, 1, -1), uniform, sampling)[:, 0]


def test_frequencies_follow_the_tempered_softmax() -> None:
    logits = torch.tensor([[[0.0, 1.0, 2.0, -1.0]]])
    for temperature in (0.5, 1.0, 2.0):
        drawn = _draws(logits, Sampling(temperature=temperature)).bincount(minlength=4) / 4000
        expected = (logits[0, 0] / temperature).softmax(-1)
        assert (drawn - expected).abs().max() < 0.03


def test_temperature_zero_is_greedy() -> None:
    logits = torch.randn(5, 3, 11)
    drawn = sample(logits, torch.rand(5, 3), Sampling(temperature=0.0))
    assert torch.equal(drawn, logits.argmax(-1))


def test_top_k_draws_only_the_likeliest() -> None:
    logits = torch.tensor([[[0.0, 3.0, 2.9, 2.8, -1.0]]])
    assert set(_draws(logits, Sampling(top_k=2)).tolist()) == {1, 2}
    assert set(_draws(logits, Sampling(top_k=1)).tolist()) == {1}


def test_top_p_draws_the_smallest_set_that_reaches_the_share() -> None:
    logits = torch.tensor([[[0.5, 0.3, 0.15, 0.05]]]).log()
    assert set(_draws(logits, Sampling(top_p=0.7)).tolist()) == {0, 1}
    assert set(_draws(logits, Sampling(top_p=0.01)).tolist()) == {0}


def test_impossible_ids_are_never_drawn_even_at_the_ends_of_the_unit_interval() -> None:
    logits = torch.tensor([[[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]]).expand(3, 1, 5)
    edges = torch.tensor([[1e-45], [0.5], [1.0]])
    assert sample(logits, edges, Sampling())[:, 0].tolist() == [1, 1, 3]


def test_guidance_moves_away_from_the_null_scores() -> None:
    conditioned, null = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 0.5]]])
    both = torch.cat([conditioned, null])
    assert torch.equal(guide(both, 1.0), conditioned)
    assert torch.equal(guide(both, 0.0), null)
    assert torch.allclose(guide(both, 3.0), torch.tensor([[[2.0, -1.0]]]))


def test_each_row_has_its_own_numbers() -> None:
    both = uniforms([torch.Generator().manual_seed(seed) for seed in (1, 2)], 6, 3)
    alone = uniforms([torch.Generator().manual_seed(2)], 6, 3)
    assert torch.equal(both[1:], alone)
    assert (both > 0).all() and (both <= 1).all()


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": -1.0},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"cfg_scale": -1.0},
        {"mulan_levels": 13},
        {"temperature": float("nan")},
    ],
)
def test_impossible_settings_are_refused(change: dict) -> None:
    with pytest.raises(UserError):
        Sampling(**change)
