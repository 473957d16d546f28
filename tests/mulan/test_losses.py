"""The contrastive loss: its formula, its value at chance, and its fall for pairs that match."""

import math

import pytest
import torch
import torch.nn.functional as F

from musiclm.errors import UserError
from musiclm.mulan.losses import (
    FACT_TEMPERATURE,
    chance,
    contradiction_loss,
    contrastive_loss,
    recall,
    tag_loss,
)

LOG_TAU = torch.tensor(math.log(0.1))


def unit(rows: int, dim: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_loss_is_the_papers_fraction() -> None:
    audio, text = unit(3, 4, 0), unit(3, 4, 1)
    h = (audio @ text.T / 0.1).exp()
    expected = 0.0
    for i in range(3):
        others = sum(float(h[i, j] + h[j, i]) for j in range(3) if j != i)
        expected -= math.log(float(h[i, i]) / others) / 3
    assert float(contrastive_loss(audio, text, LOG_TAU)) == pytest.approx(expected, rel=1e-5)


def test_embeddings_all_alike_give_chance() -> None:
    same = unit(1, 8, 0).expand(16, 8)
    assert float(contrastive_loss(same, same, LOG_TAU)) == pytest.approx(chance(16), abs=1e-4)


def test_unrelated_embeddings_are_no_better_than_chance() -> None:
    loss = contrastive_loss(unit(256, 128, 0), unit(256, 128, 1), LOG_TAU)
    assert chance(256) - 0.1 < float(loss) < chance(256) + 1.0


def test_matching_pairs_beat_chance_and_swapped_pairs_do_not() -> None:
    audio = unit(16, 32, 0)
    good = contrastive_loss(audio, audio, LOG_TAU)
    bad = contrastive_loss(audio, audio.roll(1, 0), LOG_TAU)
    assert float(good) < chance(16) - 5 < chance(16) < float(bad)


def test_the_temperature_learns_but_cannot_freeze() -> None:
    log_tau = LOG_TAU.clone().requires_grad_()
    contrastive_loss(unit(8, 16, 0), unit(8, 16, 1), log_tau).backward()
    assert log_tau.grad is not None and log_tau.grad.abs() > 0
    pairs = unit(8, 16, 0)
    coldest = contrastive_loss(pairs, pairs, torch.tensor(math.log(0.01)))
    assert torch.equal(contrastive_loss(pairs, pairs, torch.tensor(-20.0)), coldest)


def test_a_contradiction_costs_by_how_near_it_is() -> None:
    audio = unit(8, 16, 0)
    far, near = -audio, 0.9 * audio
    right = contradiction_loss(audio, audio, far)
    undecided = contradiction_loss(audio, near, near)
    wrong = contradiction_loss(audio, far, audio)
    assert float(right) < 1e-6
    assert float(undecided) == pytest.approx(math.log(2.0))
    assert float(wrong) == pytest.approx(2.0 / FACT_TEMPERATURE)  # a cosine of 2 between them


def test_a_contradiction_counts_for_its_own_clip_only() -> None:
    audio, text, untrue = (unit(8, 16, seed).requires_grad_() for seed in range(3))
    contradiction_loss(audio[:1], text[:1], untrue[:1]).backward()
    assert untrue.grad is not None and untrue.grad[0].abs().max() > 0
    assert untrue.grad[1:].abs().max() == 0


def test_a_tag_is_held_against_those_only_that_it_does_not_fit() -> None:
    audio, tags = unit(6, 16, 0).requires_grad_(), unit(2, 16, 1)
    fits = torch.zeros(6, 2, dtype=torch.bool)
    fits[:2, 0] = True
    fits[:, 1] = True  # says nothing
    loss = tag_loss(audio, tags, fits)
    near = (audio @ tags[0] / FACT_TEMPERATURE).exp()
    ours = [-(near[i] / (near[i] + near[j])).log() for i in (0, 1) for j in range(2, 6)]
    torch.testing.assert_close(loss, torch.stack(ours).mean())
    loss.backward()
    assert audio.grad is not None
    towards = (audio.grad @ tags[0]).sign()
    assert towards.tolist() == [-1, -1, 1, 1, 1, 1]  # descent brings the first two nearer


def test_one_pair_is_refused() -> None:
    with pytest.raises(UserError, match="at least 2"):
        contrastive_loss(unit(1, 4, 0), unit(1, 4, 1), LOG_TAU)


def test_recall_counts_partners_among_the_nearest() -> None:
    audio = torch.eye(20)
    text = audio.clone()
    text[0], text[1] = audio[1], audio[0]
    scores = recall(audio, text, ranks=(1, 20))
    assert scores["text_to_audio_recall_1"] == pytest.approx(0.9)
    assert scores["audio_to_text_recall_20"] == 1.0


def test_recall_of_embeddings_all_alike_is_nil() -> None:
    same = unit(1, 8, 0).expand(50, 8)
    assert set(recall(same, same).values()) == {0.0}
