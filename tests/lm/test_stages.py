"""The rows of the hierarchy are the paper's, and impossible rows are refused."""

from dataclasses import replace

import pytest
import torch

from musiclm.errors import UserError
from musiclm.lm.stages import COARSE, FINE, PARTS, SEMANTIC, STAGES, Stage, parts_of
from musiclm.tokens import Alphabet


def test_rows_are_the_papers() -> None:
    assert [(stage.seconds, stage.temperature) for stage in STAGES.values()] == [
        (30.0, 1.0),
        (10.0, 0.95),
        (3.0, 0.4),
    ]
    assert (SEMANTIC.steps, COARSE.steps, FINE.steps) == (750, 2000, 1200)
    assert {stage.pattern for stage in STAGES.values()} == {"flat"}
    assert all(stage.prefix == stage.given for stage in STAGES.values())
    assert COARSE.terms + FINE.terms == tuple(f"level_{level}" for level in range(1, 13))


def test_parts_are_cut_from_whole_streams() -> None:
    acoustic = torch.arange(2 * 3 * 12).view(2, 3, 12)
    streams = {"acoustic": acoustic, "semantic": torch.zeros(2, 2), "mulan": torch.zeros(2, 12)}
    coarse, fine = PARTS["coarse"].take(streams), PARTS["fine"].take(streams)
    assert torch.equal(torch.cat([coarse, fine], -1), acoustic)
    assert PARTS["semantic"].take(streams).shape == (2, 2, 1)
    assert PARTS["mulan"].take(streams).shape == (2, 1, 12)
    assert torch.equal(PARTS["coarse"].take({"coarse": coarse}), coarse)


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": "diagonal"},
        {"given": ("melody",)},
        {"predict": "acoustic"},
        {"aligned": ("coarse",)},
        {"coarse_levels": 0},
        {"coarse_levels": 12},
        {"seconds": 0.05},
        {"seconds": -1.0},
        {"lookahead": -1},
    ],
)
def test_impossible_rows_are_refused(change: dict) -> None:
    with pytest.raises(UserError):
        replace(COARSE, **change)


def test_missing_and_misshapen_tokens_are_named() -> None:
    with pytest.raises(UserError, match="coarse"):
        PARTS["coarse"].take({"mulan": torch.zeros(1, 12)})
    with pytest.raises(UserError, match="semantic"):
        PARTS["semantic"].take({"semantic": torch.zeros(1, 5, 2)})


def test_windows_move_by_whole_frames_of_every_stream() -> None:
    assert COARSE.grain == 2
    assert SEMANTIC.grain == 1
    assert Stage("x", ("semantic", "coarse"), "fine", seconds=1.0, temperature=1.0).grain == 2


def test_where_the_levels_part_is_configuration() -> None:
    """Coarse and fine together are the codec's levels, wherever they part."""
    acoustic = torch.randint(0, 1024, (2, 3, 24))
    for coarse_levels in (1, 10, 23):
        parts = parts_of(Alphabet("acoustic", 25, 24, 1024), coarse_levels)
        taken = [parts[name].take({"acoustic": acoustic}) for name in ("coarse", "fine")]
        assert taken[0].shape[-1] == coarse_levels
        assert torch.equal(torch.cat(taken, -1), acoustic)
