"""Patterns are invertible, predict every cell once, and never let a cell see what comes after."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclm.lm.sequence import PATTERNS, flatten, unflatten

NAMES = list(PATTERNS)
shapes = {"name": st.sampled_from(NAMES), "frames": st.integers(0, 9), "levels": st.integers(1, 6)}
EMPTY = 99


@settings(max_examples=60, deadline=None)
@given(**shapes, batch=st.integers(1, 3))
def test_unpack_undoes_pack(name: str, frames: int, levels: int, batch: int) -> None:
    codes = torch.randint(0, 50, (batch, frames, levels))
    grid = PATTERNS[name].pack(codes, empty=EMPTY)
    assert grid.shape == (batch, PATTERNS[name].steps(frames, levels), levels)
    assert torch.equal(PATTERNS[name].unpack(grid, frames), codes)


@settings(max_examples=60, deadline=None)
@given(**shapes)
def test_every_cell_is_predicted_exactly_once(name: str, frames: int, levels: int) -> None:
    pattern = PATTERNS[name]
    codes = torch.arange(frames * levels).view(1, frames, levels)
    grid = pattern.pack(codes, empty=-1)
    assert sorted(grid[grid >= 0].tolist()) == list(range(frames * levels))
    cells = pattern.cells(frames, levels)
    for level in range(levels):
        span = pattern.span(level, frames, levels)
        steps = list(range(pattern.steps(frames, levels)))[span]
        assert steps == cells[:, level].tolist()


@settings(max_examples=60, deadline=None)
@given(**shapes, known=st.integers(0, 9))
def test_active_levels_are_the_cells_of_unknown_frames(
    name: str, frames: int, levels: int, known: int
) -> None:
    pattern, known = PATTERNS[name], min(known, frames)
    cells = pattern.cells(frames, levels)[known:]
    for step in range(known * pattern.stride(levels), pattern.steps(frames, levels)):
        expected = sorted(set((cells == step).nonzero()[:, 1].tolist()))
        active = pattern.active(step, frames, levels, known)
        assert list(range(levels))[active] == expected


@settings(max_examples=60, deadline=None)
@given(**shapes)
def test_levels_of_a_frame_come_in_order(name: str, frames: int, levels: int) -> None:
    cells = PATTERNS[name].cells(frames, levels)
    assert (cells.diff(dim=1) >= 0).all()
    assert (cells.diff(dim=0) > 0).all()


def test_steps_a_second_are_those_of_the_papers() -> None:
    assert PATTERNS["flat"].steps(500, 4) == 2000  # MusicLM: 10 s of coarse tokens
    assert PATTERNS["delay"].steps(500, 4) == 503  # MusicGen
    assert PATTERNS["parallel"].steps(500, 4) == 500


@given(frames=st.integers(0, 9), levels=st.integers(1, 6))
def test_unflatten_undoes_flatten_and_levels_do_not_share_ids(frames: int, levels: int) -> None:
    codes = torch.randint(0, 50, (2, frames, levels))
    ids = flatten(codes, size=50)
    assert torch.equal(unflatten(ids, levels, size=50), codes)
    assert torch.equal(ids.unflatten(1, (-1, levels)) // 50, torch.arange(levels).expand_as(codes))


@pytest.mark.parametrize("name", NAMES)
def test_align_gives_each_step_the_codes_of_the_frame_it_begins(name: str) -> None:
    pattern, levels = PATTERNS[name], 2
    codes = torch.tensor([[[10], [20]]])  # 2 frames, for 5 predicted frames of half the length
    places = torch.arange(5) // 2
    aligned = pattern.align(codes, places, levels, empty=EMPTY)[0, :, 0]
    assert len(aligned) == pattern.steps(5, levels)
    first_level = pattern.cells(5, levels)[:, 0]
    assert aligned[first_level].tolist() == [10, 10, 20, 20, EMPTY]
