"""What must be true of the residual quantiser."""

import copy
from typing import Any

import pytest
import torch

from musiclm.nn.quantize import ResidualVQ

PAPER: dict[str, Any] = {}
FACTORISED: dict[str, Any] = {"code_dim": 6}
COSINE: dict[str, Any] = {"code_dim": 6, "cosine": True}
KINDS = pytest.mark.parametrize(
    "options", [PAPER, FACTORISED, COSINE], ids=["paper", "6", "cosine"]
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(seed: int = 0, dim: int = 8) -> torch.Tensor:
    """Vectors with structure: few directions matter much."""
    scale = torch.linspace(2.0, 0.2, dim)
    return scale * torch.randn(8, 40, dim, generator=seeded(seed))


def trained(steps: int = 30, **options: Any) -> ResidualVQ:
    torch.manual_seed(0)
    quantiser = ResidualVQ(8, levels=4, size=16, **options)
    learnt = list(quantiser.parameters())  # the paper's kind has none
    optimiser = torch.optim.Adam(learnt, lr=5e-3) if learnt else None
    generator = seeded()
    for step in range(steps):
        x = batch(step)
        result = quantiser(x, generator)
        if optimiser is not None:
            optimiser.zero_grad()
            (result.vectors - x).square().mean().backward()
            optimiser.step()
    return quantiser.eval()


@KINDS
def test_each_level_lessens_the_error(options: dict[str, Any]) -> None:
    quantiser = trained(**options)
    x = batch(1000)
    codes = quantiser.encode(x)
    errors = [(quantiser.decode(codes[..., :q]) - x).square().mean().item() for q in range(1, 5)]
    assert errors[0] < x.square().mean()
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < 0.7 * errors[0]


@KINDS
def test_forward_encode_and_decode_agree(options: dict[str, Any]) -> None:
    quantiser = trained(**options)
    x = batch(1000)
    result = quantiser(x)
    assert torch.equal(result.codes, quantiser.encode(x))
    torch.testing.assert_close(result.vectors, quantiser.decode(result.codes))
    assert torch.equal(quantiser.encode(x, levels=2), result.codes[..., :2])


def test_the_paper_quantiser_passes_gradients_straight_through() -> None:
    quantiser = trained()
    x = batch().requires_grad_()
    weight = torch.randn(x.shape, generator=seeded())
    (quantiser(x).vectors * weight).sum().backward()
    torch.testing.assert_close(x.grad, weight)


def test_factorised_gradients_reach_both_projections_and_the_input() -> None:
    quantiser = trained(**FACTORISED)
    x = batch().requires_grad_()
    quantiser(x).vectors.square().sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0
    for name, parameter in quantiser.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@KINDS
def test_commitment_draws_vectors_to_their_codes(options: dict[str, Any]) -> None:
    quantiser = trained(**options)
    x = batch().requires_grad_()
    before = quantiser(x).commitment
    (gradient,) = torch.autograd.grad(before, x)
    assert quantiser(x - 20.0 * gradient).commitment < before


@KINDS
def test_dropout_keeps_a_prefix_of_the_levels(options: dict[str, Any]) -> None:
    quantiser = trained(**options, decay=1.0, revive_below=0.0).train()  # codebooks stay
    x = batch()
    result = quantiser(x, seeded(5))
    kept = set()
    for i in range(len(x)):
        prefixes = [quantiser.decode(result.codes[i : i + 1, :, :q])[0] for q in range(1, 5)]
        misfits = [(result.vectors[i] - prefix).abs().max().item() for prefix in prefixes]
        kept.add(misfits.index(min(misfits)) + 1)
        assert min(misfits) < 1e-4
    assert len(kept) > 1


def test_without_dropout_every_level_is_used() -> None:
    quantiser = trained(decay=1.0, revive_below=0.0, dropout=0.0).train()
    result = quantiser(batch(), seeded())
    torch.testing.assert_close(result.vectors, quantiser.decode(result.codes))


@KINDS
def test_a_resumed_run_repeats_the_same_bits(options: dict[str, Any]) -> None:
    first = trained(steps=3, **options).train()
    second = ResidualVQ(8, levels=4, size=16, **options)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    a, b = seeded(7), seeded(7)
    for step in range(3):
        x = batch(100 + step)
        assert torch.equal(first(x, a).vectors, second(x, b).vectors)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_dead_codes_return_to_use() -> None:
    def usage_after_a_move(revive_below: float) -> torch.Tensor:
        torch.manual_seed(0)
        quantiser = ResidualVQ(8, levels=2, size=32, decay=0.9, revive_below=revive_below)
        generator = seeded()
        for step in range(80):
            quantiser(batch(step) + (0.0 if step < 5 else 30.0), generator)
        ids = quantiser.eval().encode(batch(1000) + 30.0)
        return torch.tensor([level.unique().numel() / 32 for level in ids.unbind(-1)])

    assert usage_after_a_move(revive_below=2.0).min() > 0.8
    assert usage_after_a_move(revive_below=0.0)[0] < 0.5


def test_usage_counts_live_codes() -> None:
    quantiser = trained()
    assert quantiser.usage().shape == (4,)
    quantiser.counts[0, :8] = 0.0
    assert quantiser.usage()[0] <= 0.5


@KINDS
def test_small_batches_do_not_kill_every_code(options: dict[str, Any]) -> None:
    """With fewer vectors than codes no code is used twice a batch, and yet they must settle."""
    torch.manual_seed(0)
    quantiser = ResidualVQ(8, levels=1, size=64, **options)
    generator = seeded()
    for step in range(60):
        quantiser(batch(step)[:1], generator)
    before = quantiser.codebooks.clone()
    quantiser(batch(61)[:1], generator)
    moved = (quantiser.codebooks - before).abs().amax(dim=-1) > 0.3
    assert moved.float().mean() < 0.1


def test_arithmetic_is_float32_under_autocast() -> None:
    quantiser = trained(**COSINE)
    x = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = quantiser(x)
    assert inside.vectors.dtype == torch.float32
    assert torch.equal(inside.vectors, quantiser(x).vectors)


def test_evaluation_changes_nothing() -> None:
    quantiser = trained(**COSINE)
    before = copy.deepcopy(quantiser.state_dict())
    quantiser(batch(5))
    for name, value in before.items():
        assert torch.equal(value, quantiser.state_dict()[name]), name


def test_it_builds_without_memory() -> None:
    with torch.device("meta"):
        quantiser = ResidualVQ(256, code_dim=12)
    assert quantiser.codebooks.shape == (12, 1024, 12)
    assert quantiser.codebooks.is_meta
