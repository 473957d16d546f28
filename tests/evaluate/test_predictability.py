"""What tokens cost the fixed decoder, where the answer is known beforehand."""

import math

import numpy as np
import pytest
import torch

from musiclm.errors import UserError
from musiclm.evaluate.predictability import Budget, Predictability, order_1, predictability

RATE, SIZE = 50.0, 16
SMALL = Budget(seconds=80.0, window=1.0, batch=2)  # 40 steps


def measure(train: torch.Tensor, test: torch.Tensor | None = None, **kwargs) -> Predictability:
    test = train if test is None else test
    return predictability(train, test, **{"rate": RATE, "size": SIZE, "budget": SMALL} | kwargs)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(SIZE, shape, generator=torch.Generator().manual_seed(seed))


def cycle(clips: int, frames: int, levels: int) -> torch.Tensor:
    """Every level counts 0 to 15, each one ahead of the level before; clips start anywhere."""
    start = torch.arange(clips)[:, None, None] * 5
    return (start + torch.arange(frames)[None, :, None] + torch.arange(levels)) % SIZE


def test_one_code_forever_costs_nothing():
    found = measure(torch.full((4, 100, 2), 7))
    assert 0 <= found.total.value < 0.005 * found.uniform


def test_noise_cannot_be_predicted():
    found = measure(noise(8, 100, 2), noise(8, 100, 2, seed=1))
    assert found.total.value > 0.98 * found.uniform
    assert found.order_0.sum() > 0.98 * found.uniform


def test_a_cycle_costs_far_less_than_the_shares_of_its_codes():
    found = measure(cycle(4, 100, 2), cycle(3, 100, 2))
    assert found.order_0.sum() == pytest.approx(found.uniform, rel=0.02)
    assert found.total.value < 0.2 * found.order_0.sum()


def test_the_decoder_finds_what_cannot_be_counted():
    """In the delay pattern a level sees the levels below it of its own frame."""
    first, other = noise(16, 100, 1), noise(4, 100, 1, seed=1)
    found = measure(
        torch.cat([first, first], dim=-1),
        torch.cat([other, other], dim=-1),
        budget=Budget(seconds=100.0, window=1.0, batch=2),
    )
    told, repeated = (level.value for level in found.levels)
    assert min(told, *found.order_1) > 0.95 * RATE * math.log(SIZE)
    assert found.trusted[1] and repeated < 0.5 * told


def test_two_runs_are_equal_bit_for_bit_and_leave_the_global_seed_alone():
    codes = noise(4, 100, 2)
    torch.manual_seed(5)
    first = measure(codes)
    drawn = torch.rand(3)
    torch.manual_seed(6)
    second = measure(codes)
    assert np.array_equal(first.paid, second.paid)
    assert not np.array_equal(first.paid, measure(codes, seed=1).paid)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))


def test_levels_sum_up_to_the_total_and_clips_to_the_interval():
    found = measure(noise(4, 100, 3), torch.cat([noise(2, 100, 3), cycle(1, 100, 3)]))
    assert sum(level.value for level in found.levels) == pytest.approx(found.total.value)
    assert found.first(3).value == found.total.value
    assert found.first(1).value == found.levels[0].value < found.first(2).value
    assert found.total.n == 3 and found.total.low <= found.total.value <= found.total.high
    assert found.uniform == pytest.approx(3 * RATE * math.log(SIZE))


def test_every_frame_is_counted_once_whatever_the_window():
    """90 frames are three windows of 25 and one of 15; a decoder that did not move is not worse."""
    codes, test = noise(8, 100, 1), torch.zeros(1, 90, 1, dtype=torch.int64)
    test[:, 70:] = 3
    found = measure(codes, test, budget=Budget(2.0, 0.5, 2, lr=1e-9))
    shares = order_1(codes[:6], codes[6:], SIZE)[0, SIZE]
    expected = -float(70 * shares[0] + 20 * shares[3]) / 90 * RATE
    assert found.order_0[0] == pytest.approx(expected)
    assert found.total.value == pytest.approx(expected, rel=0.1)


def test_order_1_is_counted_where_it_helps_and_order_0_where_not():
    table = order_1(cycle(4, 100, 1), cycle(2, 100, 1), SIZE)[0].exp()
    assert table.sum(dim=-1) == pytest.approx(torch.ones(SIZE + 1), abs=1e-4)
    assert all(float(table[code, (code + 1) % SIZE]) > 0.99 for code in range(SIZE))
    table = order_1(noise(4, 100, 1), noise(4, 100, 1, seed=1), SIZE)[0]
    assert float((table[:SIZE] - table[SIZE]).abs().max()) < 1.0


def test_unseen_codes_are_dear_but_possible():
    silence = torch.zeros(2, 50, 1, dtype=torch.int64)
    shares = order_1(silence, silence, SIZE)[0, SIZE]
    assert float(shares[1]) == pytest.approx(math.log(0.5 / 108), abs=1e-4)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (noise(2, 40, 1), noise(2, 100, 1)),  # shorter than a window
        (noise(2, 100, 1), noise(0, 100, 1)),
        (noise(2, 100, 1) + 1, noise(2, 100, 1)),  # beyond the alphabet
    ],
)
def test_tokens_that_cannot_be_measured_are_refused(train, test):
    with pytest.raises(UserError, match="predictability"):
        measure(train, test)


def test_a_budget_without_steps_is_refused():
    with pytest.raises(UserError, match="budget"):
        Budget(seconds=1.0)
