"""A stage model predicts each cell from what is given and from earlier cells, and learns."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from musiclm.config import from_dict, to_dict
from musiclm.errors import UserError
from musiclm.lm.decoder import DecoderConfig
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.stages import COARSE, FINE, PARTS, SEMANTIC


def _read(model: StageModel, tokens: dict) -> tuple[dict, torch.Tensor]:
    stage = model.config.stage
    given = {name: PARTS[name].take(tokens) for name in stage.given}
    return given, stage.part.take(tokens)


def test_no_cell_sees_itself_or_its_future(model: StageModel, streams) -> None:
    stage = model.config.stage
    given, codes = _read(model, streams(stage, batch=1))
    frames, levels = codes.shape[1:]
    step = stage.order.cells(frames, levels)
    before = model.logits(given, codes)
    for frame, level in ((0, 0), (1, levels - 1), (frames - 1, 0), (frames // 2, levels // 2)):
        changed = codes.clone()
        changed[0, frame, level] = (codes[0, frame, level] + 1) % 1024
        moved = (model.logits(given, changed) - before).abs().amax(-1)[0] > 1e-6
        assert not moved[step <= step[frame, level]].any()
        after = step > step[frame, level]
        assert moved[after].any() or not after.any()


def test_every_given_token_is_heard(model: StageModel, streams) -> None:
    tokens = streams(model.config.stage, batch=1)
    given, codes = _read(model, tokens)
    before = model.logits(given, codes)
    for name in given:
        changed = dict(given)
        changed[name] = (given[name] + 1) % 1024
        assert (model.logits(changed, codes) - before).abs().max() > 1e-4, name


def test_an_aligned_token_is_seen_by_its_frame_and_lookahead_before_it(build, streams) -> None:
    model = build("coarse delay")  # looks 2 frames of 50 Hz ahead: one semantic token
    given, codes = _read(model, streams(model.config.stage, batch=1))
    before = model.logits(given, codes)
    changed = {**given, "semantic": given["semantic"].clone()}
    changed["semantic"][0, 3] += 1  # heard from frame 6 on, seen from frame 4 on
    moved = (model.logits(changed, codes) - before).abs().amax((0, 3)) > 1e-6
    assert moved[:, 0].tolist() == [False] * 4 + [True] * 8
    assert moved[:, 1].tolist() == [False] * 3 + [True] * 9  # predicted one step later


def test_loss_terms_are_levels_and_start_near_chance(model: StageModel, streams) -> None:
    terms = model.loss(streams(model.config.stage, batch=4))
    assert tuple(terms) == model.config.stage.terms
    for value in terms.values():
        assert abs(value.item() - math.log(1024)) < 0.7


def test_padding_costs_nothing(build, streams) -> None:
    model = build("coarse delay")
    tokens = streams(model.config.stage)
    padded = {**tokens, "acoustic": tokens["acoustic"].clone()}
    padded["acoustic"][:, -3:] = 1024
    given, codes = _read(model, tokens)
    scores = model.logits(given, _read(model, padded)[1])[:, :-3].log_softmax(-1)
    expected = -scores.gather(-1, codes[:, :-3, :, None]).mean((0, 1))[:, 0]
    assert torch.allclose(torch.stack(list(model.loss(padded).values())), expected, atol=1e-5)


def test_one_batch_is_learned_by_heart(build, streams) -> None:
    model = build("coarse delay").train()
    tokens = streams(model.config.stage)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(40):
        loss = sum(model.loss(tokens, torch.Generator()).values()) / 4
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * math.log(1024)


def test_conditions_are_hidden_only_while_training_and_by_the_given_generator(
    build, streams
) -> None:
    model = build("coarse delay", null_share=0.5, shallow_share=0.5, noise_share=0.5)
    tokens = streams(model.config.stage, batch=8)

    def losses(seed: int) -> list[float]:
        drawn = model.loss(tokens, torch.Generator().manual_seed(seed))
        return [value.item() for value in drawn.values()]

    assert losses(1) == losses(2)
    model.train()
    assert losses(1) == losses(1) != losses(2)


def test_hidden_mulan_levels_are_the_deep_ones(build) -> None:
    model = build("semantic", null_share=0.2, shallow_share=0.5).train()
    codes = torch.zeros(4000, 1, 12, dtype=torch.long)
    hidden = model._hide({"mulan": codes}, torch.Generator().manual_seed(0))["mulan"][:, 0] == 1024
    assert (hidden.int().diff(dim=1) >= 0).all()  # once a level is hidden, all deeper ones are
    assert abs(hidden[:, 0].float().mean() - 0.2) < 0.03
    shallow = hidden[:, -1] & ~hidden[:, 0]
    assert abs(shallow.float().mean() - 0.8 * 0.5 * 11 / 12) < 0.04


def test_noise_replaces_its_share_of_given_tokens(build) -> None:
    model = build("coarse delay", noise_share=0.25).train()
    codes = torch.zeros(20, 200, 1, dtype=torch.long)
    noisy = model._hide({"semantic": codes}, torch.Generator().manual_seed(0))["semantic"]
    assert abs((noisy != codes).float().mean() - 0.25) < 0.03
    assert noisy.max() < 1024


def test_what_guides_is_hidden_together(build) -> None:
    model = build("coarse delay", guides=("mulan", "semantic"), null_share=0.3, noise_share=0.0)
    given = {
        "mulan": torch.zeros(1000, 1, 12, dtype=torch.long),
        "semantic": torch.zeros(1000, 25, 1, dtype=torch.long),
    }
    heard = model.train()._hide(given, torch.Generator().manual_seed(0))
    silent = (heard["mulan"][:, 0] == 1024).all(-1)
    assert abs(silent.float().mean() - 0.3) < 0.05
    assert torch.equal((heard["semantic"] == 1024).all(1)[:, 0], silent)
    assert torch.equal((heard["semantic"] == 1024).any(1)[:, 0], silent)


def test_a_share_of_the_rows_is_told_by_captions(build, streams) -> None:
    """All of them at 1: then the sound's own MuLan tokens do not matter; none in evaluation."""
    model = build("semantic", text_share=1.0, null_share=0.0).train()
    tokens = streams(model.config.stage) | {"text": torch.zeros(2, 12).long()}
    other = tokens | {"mulan": (tokens["mulan"] + 1) % 1024}

    def nats(given: dict) -> float:
        return float(model.loss(given, torch.Generator().manual_seed(0))["level_1"].detach())

    assert nats(tokens) == nats(other)
    model.eval()
    assert nats(tokens) != nats(other)


def test_captions_that_are_missing_are_named(build, streams) -> None:
    model = build("semantic", text_share=0.5).train()
    with pytest.raises(UserError, match="text_share needs captions"):
        model.loss(streams(model.config.stage), torch.Generator())


def test_mulan_at_every_frame_changes_every_frame(build, streams) -> None:
    """With nothing before the sequence, the first step and the last both hear MuLan."""
    model = build("coarse everywhere")
    stage = model.config.stage
    tokens = streams(stage)
    codes = stage.part.take(tokens)
    given = {name: stage.parts[name].take(tokens) for name in stage.given}
    other = given | {"mulan": (given["mulan"] + 1) % 1024}
    apart = (model.logits(given, codes) - model.logits(other, codes)).abs().amax(dim=(0, 2, 3))
    assert stage.prefix == ()
    assert (apart > 1e-4).all()


def test_only_known_streams_guide() -> None:
    with pytest.raises(UserError, match="melody"):
        LMConfig(guides=("melody",))


def test_centroids_place_mulan_tokens_and_are_saved(build, streams) -> None:
    model = build("semantic centroids")
    codebooks = torch.randn(12, 1024, 8)
    codebooks[3, 7] = codebooks[3, 9]  # two codes with one meaning
    model.set_mulan_codebooks(codebooks)
    tokens = streams(model.config.stage, batch=1)
    given, codes = _read(model, tokens)
    same, other = (given["mulan"].clone() for _ in range(2))
    given["mulan"][0, 0, 3], same[0, 0, 3], other[0, 0, 3] = 7, 9, 10
    logits = model.logits(given, codes)
    assert torch.allclose(model.logits({"mulan": same}, codes), logits)
    assert not torch.allclose(model.logits({"mulan": other}, codes), logits)

    again = StageModel(model.config).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.logits(given, codes), logits)


def test_codebooks_of_another_shape_are_refused(build) -> None:
    with pytest.raises(UserError):
        build("semantic").set_mulan_codebooks(torch.zeros(12, 1024, 8))
    with pytest.raises(UserError, match="128"):
        build("semantic centroids").set_mulan_codebooks(torch.zeros(12, 1024, 128))


@pytest.mark.parametrize(("stage", "millions"), [(SEMANTIC, 417), (COARSE, 425), (FINE, 424)])
def test_defaults_have_the_papers_size(stage: object, millions: int) -> None:
    with torch.device("meta"):
        model = StageModel(LMConfig(stage))
    count = sum(weight.numel() for weight in model.parameters())
    assert round(count / 1e6) == millions  # the paper says 430 for each


def test_configurations_survive_a_file(stages) -> None:
    for config in stages.values():
        assert from_dict(LMConfig, to_dict(config)) == config


@pytest.mark.parametrize(
    "change",
    [{"heads": 3}, {"layers": 0}, {"positions": "sine"}, {"dropout": 1.0}, {"embed_dim": -1}],
)
def test_impossible_decoders_are_refused(change: dict) -> None:
    with pytest.raises(UserError):
        replace(DecoderConfig(), **change)


def test_impossible_shares_are_refused() -> None:
    with pytest.raises(UserError):
        LMConfig(null_share=1.5)


COMPILED = """
import torch
from dataclasses import replace
from musiclm.lm.decoder import DecoderConfig
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.stages import COARSE

torch.manual_seed(0)
stage = replace(COARSE, seconds=0.24, pattern="delay", aligned=("semantic",))
sizes = DecoderConfig(dim=32, layers=2, heads=2, hidden=48, dropout=0.0, positions="rotary")
model = StageModel(LMConfig(stage, sizes)).eval()
shapes = {"mulan": (2, 12), "semantic": (2, 6), "acoustic": (2, 12, 12)}
tokens = {name: torch.randint(0, 1024, shape) for name, shape in shapes.items()}

def step():
    model.zero_grad()
    losses = torch.stack(list(model.loss(tokens).values()))
    losses.sum().backward()
    return losses.detach(), model.heads.grad.clone()

plain = step()
model.compile_for_training()
for one, other in zip(plain, step()):
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
"""


def test_compiled_training_has_the_same_losses_and_gradients() -> None:
    """In a process of its own: what checks the types of arguments here cannot be compiled."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1000:]
