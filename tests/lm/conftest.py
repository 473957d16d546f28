"""Stages small enough to run in milliseconds, one for every way of arranging a sequence."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from musiclm.lm.decoder import DecoderConfig
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.stages import COARSE, FINE, SEMANTIC, Stage

ROTARY = DecoderConfig(
    dim=32, layers=2, heads=2, hidden=48, dropout=0.0, positions="rotary", embed_dim=16
)
T5 = replace(ROTARY, positions="t5", embed_dim=0, gated=False)

SHORT = replace(SEMANTIC, seconds=0.4)
STAGES: dict[str, LMConfig] = {
    "semantic": LMConfig(SHORT, ROTARY),
    "semantic t5": LMConfig(SHORT, T5),
    "semantic centroids": LMConfig(SHORT, ROTARY, mulan_dim=8),
    "coarse flat": LMConfig(replace(COARSE, seconds=0.16), T5),
    "coarse delay": LMConfig(
        replace(COARSE, seconds=0.24, pattern="delay", aligned=("semantic",), lookahead=2), ROTARY
    ),
    "coarse everywhere": LMConfig(
        replace(COARSE, seconds=0.24, pattern="delay", aligned=("mulan", "semantic")), ROTARY
    ),
    "coarse parallel": LMConfig(replace(COARSE, seconds=0.24, pattern="parallel"), ROTARY),
    "fine flat": LMConfig(replace(FINE, seconds=0.08), ROTARY),
    "fine delay": LMConfig(replace(FINE, seconds=0.12, pattern="delay", aligned=("coarse",)), T5),
}


@pytest.fixture
def stages() -> dict[str, LMConfig]:
    """The configurations by name."""
    return STAGES


def _build(name: str, **change: object) -> StageModel:
    torch.manual_seed(0)
    model = StageModel(replace(STAGES[name], **change)).eval()
    for module in model.given.children():
        if hasattr(module, "codebooks"):
            module.codebooks.copy_(torch.randn_like(module.codebooks))
    return model


@pytest.fixture
def build() -> Callable[..., StageModel]:
    """Makes a stage with fixed random weights, ready to be used."""
    return _build


@pytest.fixture
def streams() -> Callable[..., dict[str, Tensor]]:
    """Makes random tokens over the window of a stage, or over some other time."""

    def make(stage: Stage, batch: int = 2, seconds: float = 0.0, seed: int = 0) -> dict:
        generator = torch.Generator().manual_seed(seed)
        seconds = seconds or stage.seconds

        def ids(*shape: int) -> Tensor:
            return torch.randint(0, 1024, shape, generator=generator)

        return {
            "mulan": ids(batch, 12),
            "semantic": ids(batch, SEMANTIC.part.frames(seconds)),
            "acoustic": ids(batch, COARSE.part.frames(seconds), 12),
        }

    return make


@pytest.fixture(params=list(STAGES))
def model(request: pytest.FixtureRequest) -> StageModel:
    """Each of the stages in turn."""
    return _build(request.param)
