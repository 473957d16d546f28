"""Semantic tokens: 25 a second, in range, repeatable, over standardised features."""

from dataclasses import replace

import pytest
import torch

from musiclm.checkpoint import load_tensors, load_weights, save_tensors
from musiclm.errors import UserError
from musiclm.semantic.musical import WEIGHTS
from musiclm.semantic.tokenizer import SemanticTokenizer, fit
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig

TINY = W2vBertConfig(
    mel_bins=32,
    conv_channels=4,
    dim=32,
    heads=2,
    hidden=64,
    contrastive_layers=1,
    masked_layers=1,
    codes=64,
    code_dim=16,
    feature_layer=1,
    clusters=24,
    musical=True,
)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    swell = 1 + torch.sin(torch.arange(samples) / 3000)
    return 0.1 * swell * torch.randn(2, 1, samples, generator=generator)


@pytest.fixture(scope="module")
def tokenizer() -> SemanticTokenizer:
    torch.manual_seed(0)
    waves = [noise(72_000, seed) for seed in range(3)]
    return fit(W2vBert(TINY), waves, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [1, 960, 961, 47_999, 100_001])
def test_twenty_five_tokens_a_second_in_range(tokenizer, samples):
    ids = tokenizer.tokenize(noise(samples))
    assert ids.shape == (2, -(-samples // 960))
    assert ids.min() >= 0
    assert ids.max() < 24


def test_the_same_sound_gives_the_same_tokens(tokenizer):
    wave = noise(60_000, seed=9)
    ids = tokenizer.tokenize(wave)
    assert torch.equal(ids, tokenizer.tokenize(wave))
    assert ids.unique().numel() > 3


def test_a_batch_gives_the_tokens_of_its_clips(tokenizer):
    wave = noise(60_000, seed=9)
    alone = torch.cat([tokenizer.tokenize(clip[None]) for clip in wave])
    assert (tokenizer.tokenize(wave) == alone).float().mean() > 0.98


def test_features_are_standardised_over_the_fitted_audio(tokenizer):
    waves = [noise(72_000, seed) for seed in range(3)]
    rows = torch.cat(
        [tokenizer.standardise(tokenizer.model.features(w)).flatten(0, 1) for w in waves]
    )
    assert rows.mean(dim=0).abs().max() < 1e-3
    assert (rows.std(dim=0) - 1).abs().max() < 1e-3


def test_a_saved_tokenizer_gives_the_same_tokens(tokenizer, tmp_path):
    save_tensors(tmp_path / "semantic.safetensors", tokenizer.state_dict())
    again = SemanticTokenizer(W2vBert(TINY))
    load_weights(again, load_tensors(tmp_path / "semantic.safetensors")[0], tmp_path)
    wave = noise(48_000, seed=5)
    assert torch.equal(again.tokenize(wave), tokenizer.tokenize(wave))


def test_fitting_is_repeatable():
    torch.manual_seed(0)
    model = W2vBert(TINY)
    first, again = (
        fit(model, [noise(48_000)], generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    assert torch.equal(first.centroids, again.centroids)


HEARD = replace(TINY, pulse=True, clustered="musical")


def test_groups_of_features_count_as_much_as_they_weigh():
    torch.manual_seed(0)
    heard = fit(W2vBert(HEARD), [noise(72_000)], generator=torch.Generator().manual_seed(0))
    rows = heard.standardise(heard.model.features(noise(72_000))).flatten(0, 1)
    for name, part in heard.model.musical.groups.items():
        deviation = rows[:, part].square().sum(dim=1).mean().sqrt().item()
        assert deviation == pytest.approx(WEIGHTS[name], rel=0.02), name


def test_tokens_of_musical_features_do_not_depend_on_what_was_learned():
    first, second = (tokens_of_seed(seed, HEARD) for seed in (0, 1))
    assert torch.equal(first, second)
    first, second = (tokens_of_seed(seed, TINY) for seed in (0, 1))
    assert not torch.equal(first, second)


def tokens_of_seed(seed: int, config: W2vBertConfig) -> torch.Tensor:
    torch.manual_seed(seed)
    heard = fit(W2vBert(config), [noise(72_000)], generator=torch.Generator().manual_seed(0))
    return heard.tokenize(noise(48_000, seed=5))


@pytest.mark.parametrize("wrong", [{"clustered": "pitch"}, {"musical": False}])
def test_what_cannot_be_clustered_is_refused(wrong):
    with pytest.raises(UserError, match="clustered"):
        replace(HEARD, **wrong)
