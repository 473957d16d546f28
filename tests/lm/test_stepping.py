"""Steps over a cache give what the whole sequence gives; 8-bit weights nearly so."""

import pytest
import torch

from musiclm.lm.model import StageModel
from musiclm.lm.sequence import PATTERNS
from musiclm.lm.stages import PARTS
from musiclm.lm.stepping import Product, Stepper


def _stepped(model: StageModel, x: torch.Tensor, start: int, int8: bool) -> torch.Tensor:
    stepper = Stepper(model.decoder, len(x), x.shape[1], int8=int8)
    parts = [stepper(x[:, :start])]
    parts += [stepper(x[:, place, None]) for place in range(start, x.shape[1])]
    return torch.cat(parts, dim=1)


@torch.inference_mode()
def test_cached_steps_equal_the_whole_sequence(model: StageModel) -> None:
    with torch.no_grad():
        for block in model.decoder.blocks:  # gains that do something
            block.norm_attention.weight.uniform_(0.5, 1.5)
            block.norm_feed.weight.uniform_(0.5, 1.5)
    x = torch.randn(3, 21, model.config.decoder.dim)
    whole = model.decoder(x)
    for start in (1, 9):
        assert torch.allclose(_stepped(model, x, start, int8=False), whole, atol=1e-4)


@torch.inference_mode()
@pytest.mark.skipif(not hasattr(torch, "_weight_int8pack_mm"), reason="needs the 8-bit kernel")
def test_eight_bit_steps_are_close(model: StageModel) -> None:
    x = torch.randn(2, 12, model.config.decoder.dim)
    whole, stepped = model.decoder(x), _stepped(model, x, 3, int8=True)
    error = (stepped - whole).norm() / whole.norm()
    assert 0 < error < 0.05


def test_eight_bit_products_are_close_and_the_same_in_any_batch() -> None:
    weight, x = torch.randn(24, 32), torch.randn(5, 32)
    product = Product.of(weight, int8=True)
    assert torch.allclose(product(x).float(), x @ weight.T, atol=0.15)
    assert torch.equal(product(x)[2:3], product(x[2:3]))
    assert torch.equal(product.outputs(3, 7)(x), product(x)[:, 3:7])


@torch.inference_mode()
def test_a_reset_stepper_starts_anew(build) -> None:
    model = build("semantic t5")
    stepper, x = Stepper(model.decoder, 1, 6, int8=False), torch.randn(1, 4, 32)
    first = stepper(x).clone()
    stepper.reset()
    assert torch.equal(stepper(x), first)


@torch.inference_mode()
def test_teacher_forced_steps_give_the_logits_of_training(model: StageModel, streams) -> None:
    """Prefix, aligned tokens, pattern and heads are put together alike in both."""
    from musiclm.lm.generate import Writer
    from musiclm.lm.sampling import Sampling

    stage = model.config.stage
    tokens = streams(stage)
    given = {name: PARTS[name].take(tokens) for name in stage.given}
    codes = stage.part.take(tokens)
    frames, levels = codes.shape[1:]
    writer = Writer(model, 2, frames, given, Sampling(), int8=False)
    grid = PATTERNS[stage.pattern].pack(codes, empty=1024)
    conditions, x = writer.begin(given, grid[:, :0], frames)
    logits = model.logits(given, codes)
    cells = stage.order.cells(frames, levels)
    for step in range(grid.shape[1]):
        active = stage.order.active(step, frames, levels)
        scores = writer.score(writer.stepper(x)[:, -1], active)
        for row, level in enumerate(range(levels)[active]):
            frame = (cells[:, level] == step).nonzero().item()
            assert torch.allclose(scores[:, row], logits[:, frame, level], atol=1e-4)
        x = writer.embed(grid[:, step, None])
        if conditions is not None and step + 1 < grid.shape[1]:
            x = x + conditions[:, step + 1, None]
