"""w2v-BERT: frames, invariances, what masking hides, that it learns, and the paper's size."""

import math
from dataclasses import replace

import pytest
import torch

from musiclm.errors import UserError
from musiclm.semantic.losses import LOSS_WEIGHTS, collapse_warning
from musiclm.semantic.masking import hide
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig

TINY = W2vBertConfig(
    mel_bins=32,
    conv_channels=4,
    dim=32,
    heads=2,
    hidden=64,
    contrastive_layers=1,
    masked_layers=1,
    dropout=0.0,
    codes=64,
    code_dim=16,
    feature_layer=1,
    clusters=32,
)


@pytest.fixture
def model() -> W2vBert:
    torch.manual_seed(0)
    return W2vBert(TINY).eval()


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [1, 239, 959, 960, 961, 24_000, 33_333, 100_001])
def test_twenty_five_frames_a_second_for_any_length(model, samples):
    assert model.features(noise(1, 1, samples)).shape == (1, -(-samples // 960), 32)


def test_paper_defaults_have_six_tenths_of_a_billion_parameters():
    with torch.device("meta"):
        model = W2vBert(W2vBertConfig())
    assert W2vBertConfig().frame_rate == 25.0
    assert sum(weight.numel() for weight in model.parameters()) == 589_366_016


def test_a_clip_does_not_depend_on_its_batch(model):
    wave = noise(3, 1, 30_000)
    alone = model.features(wave[1:2])
    assert torch.allclose(model.features(wave)[1:2], alone, atol=1e-5)


def test_long_recordings_give_the_frames_of_one_pass(model):
    """Windows change what is far away only: with all of it as margin they change nothing."""
    wave = noise(1, 1, 5 * 24_000 + 7)
    windowed = W2vBert(replace(TINY, window_seconds=1.0, margin_seconds=5.0)).eval()
    windowed.load_state_dict(model.state_dict())
    assert windowed.features(wave).shape == (1, 126, 32)
    assert torch.allclose(windowed.features(wave), model.features(wave), atol=1e-4)


def test_windows_with_little_margin_stay_close(model):
    wave = noise(1, 1, 6 * 24_000)
    windowed = W2vBert(replace(TINY, window_seconds=2.0, margin_seconds=0.5)).eval()
    windowed.load_state_dict(model.state_dict())
    near, whole = windowed.features(wave), model.features(wave)
    assert near.shape == whole.shape
    assert (near - whole).abs().mean() < 0.2 * whole.abs().mean()


def test_hidden_frames_leave_no_trace_in_the_context(model):
    """Sound under the mask may change at will: what the conformers see is the same."""
    frames, _ = model._hear(noise(1, 1, 48_000))
    mask = torch.zeros(1, 50, dtype=torch.bool)
    mask[:, 20:30] = True
    changed = torch.where(mask[..., None], frames + 5.0, frames)
    seen, seen_changed = (
        model.contrastive(hide(x, mask, 0.1, torch.Generator().manual_seed(3)))
        for x in (frames, changed)
    )
    assert torch.equal(seen, seen_changed)
    unhidden = model.contrastive(changed)
    assert not torch.allclose(unhidden, model.contrastive(frames))


def test_the_same_generator_gives_the_same_terms(model):
    model.train()
    wave = noise(2, 1, 48_000)
    first, again, other = (model(wave, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.losses["contrastive"] == again.losses["contrastive"]
    assert first.losses["contrastive"] != other.losses["contrastive"]


def test_every_weight_learns(model):
    model.train()
    losses = model(noise(2, 1, 48_000), torch.Generator().manual_seed(0)).losses
    sum(LOSS_WEIGHTS[name] * losses[name] for name in LOSS_WEIGHTS).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


def melodies(count: int) -> torch.Tensor:
    """Repeating melodies of four tones: what is hidden follows from the rest."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(6_000) / 24_000
    clips = []
    for _ in range(count):
        pitches = 220 * 2 ** (torch.randperm(24, generator=generator)[:4] / 12)
        bar = torch.cat([torch.sin(2 * torch.pi * pitch * time) for pitch in pitches])
        clips.append(0.3 * bar.repeat(3))
    return torch.stack(clips)[:, None]


def test_learns_far_beyond_chance_without_collapse():
    torch.manual_seed(0)
    model = W2vBert(replace(TINY, musical=True)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    wave, generator = melodies(4), torch.Generator().manual_seed(0)
    first: dict[str, float] = {}
    for _ in range(100):
        output = model(wave, generator)
        sum(LOSS_WEIGHTS[name] * output.losses[name] for name in LOSS_WEIGHTS).backward()
        optimiser.step()
        optimiser.zero_grad()
        found = {name: value.item() for name, value in (output.losses | output.metrics).items()}
        first = first or found
    assert found["masked"] < 0.7 * math.log(TINY.codes) < first["masked"]
    assert found["contrastive"] < 0.75 * first["contrastive"]
    assert found["masked_accuracy"] > 0.2
    assert collapse_warning(found) is None


@pytest.mark.parametrize(
    "change",
    [
        {"heads": 3},
        {"feature_layer": 2},
        {"feature_layer": -1},
        {"mask_start": 0.0},
        {"pulse": True},
    ],
)
def test_impossible_sizes_are_refused(change):
    with pytest.raises(UserError):
        replace(TINY, **change)
