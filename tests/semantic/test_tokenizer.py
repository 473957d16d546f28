"""Semantic tokens, of either class: 25 a second, in range, repeatable, one clip at a time."""

import pytest
import torch

from musiclm.checkpoint import fingerprint, load_tensors, load_weights, save_tensors
from musiclm.config import from_dict, to_dict
from musiclm.errors import UserError
from musiclm.interfaces import SemanticTokenizer
from musiclm.semantic.clusters import standardise
from musiclm.semantic.musical import WEIGHTS
from musiclm.semantic.musical_tokenizer import MusicalConfig, MusicalTokenizer
from musiclm.semantic.tokenizer import W2vBertTokenizer
from musiclm.semantic.w2v_bert import W2vBert, W2vBertConfig
from musiclm.system import (
    SystemConfig,
    build,
    install_part,
    load_part,
    read_index,
    system_config,
)

W2V_BERT = W2vBertConfig(
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
    window_seconds=1.0,
)
MUSICAL = MusicalConfig(clusters=24)
CONFIGS = {"w2v-bert": W2V_BERT, "musical": MUSICAL}


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    swell = 1 + torch.sin(torch.arange(samples) / 3000)
    return 0.1 * swell * torch.randn(2, 1, samples, generator=generator)


def fitted(name: str):
    torch.manual_seed(0)
    tokenizer = build("semantic", SystemConfig(semantic=CONFIGS[name]))
    tokenizer.fit((noise(72_000, s) for s in range(3)), torch.Generator().manual_seed(0))
    return tokenizer


@pytest.fixture(scope="module", params=CONFIGS)
def tokenizer(request):
    return fitted(request.param)


def test_both_stand_in_the_same_place(tokenizer):
    assert isinstance(tokenizer, SemanticTokenizer)
    assert fingerprint(tokenizer.state_dict()) == fingerprint(tokenizer)


@pytest.mark.parametrize("samples", [1, 960, 961, 47_999, 100_001])
def test_twenty_five_tokens_a_second_in_range(tokenizer, samples):
    ids = tokenizer.tokenize(noise(samples))
    assert ids.shape == (2, -(-samples // 960))
    assert ids.min() >= 0
    assert ids.max() < len(tokenizer.centroids) == 24


def test_the_same_sound_gives_the_same_tokens(tokenizer):
    wave = noise(60_000, seed=9)
    ids = tokenizer.tokenize(wave)
    assert torch.equal(ids, tokenizer.tokenize(wave))
    assert ids.unique().numel() > 3


def test_a_batch_gives_the_tokens_of_its_clips(tokenizer):
    wave = noise(60_000, seed=9)
    alone = torch.cat([tokenizer.tokenize(clip[None]) for clip in wave])
    assert (tokenizer.tokenize(wave) == alone).float().mean() > 0.98


def test_a_saved_tokenizer_gives_the_same_tokens(tokenizer, tmp_path):
    """Also one put into a folder where the other class lay."""
    wave = noise(48_000, seed=5)
    other = "w2v-bert" if isinstance(tokenizer, MusicalTokenizer) else "musical"
    own = "musical" if other == "w2v-bert" else "w2v-bert"
    for name, part in ((other, fitted(other)), (own, tokenizer)):
        config = SystemConfig(semantic=CONFIGS[name])
        install_part(tmp_path, "semantic", part.float().state_dict(), config)
    index = read_index(tmp_path)
    again = load_part(tmp_path, "semantic", index, torch.device("cpu"))
    assert system_config(index["config"]).semantic == CONFIGS[own]
    assert type(again) is type(tokenizer)
    save_tensors(tmp_path / "whole.safetensors", tokenizer.state_dict())  # not as float16
    load_weights(again, load_tensors(tmp_path / "whole.safetensors")[0], tmp_path)
    assert torch.equal(again.tokenize(wave), tokenizer.tokenize(wave))


def test_fitting_is_repeatable(tokenizer):
    name = "musical" if isinstance(tokenizer, MusicalTokenizer) else "w2v-bert"
    assert torch.equal(fitted(name).centroids, tokenizer.centroids)


def test_a_layer_is_standardised_over_the_fitted_audio():
    tokenizer = fitted("w2v-bert")
    waves = [noise(72_000, seed) for seed in range(3)]
    rows = torch.cat([standardise(tokenizer, tokenizer.model.features(w)) for w in waves])
    assert rows.mean(dim=(0, 1)).abs().max() < 1e-3
    assert (rows.flatten(0, 1).std(dim=0) - 1).abs().max() < 1e-3


def test_kinds_of_musical_features_count_as_much_as_they_weigh():
    tokenizer = MusicalTokenizer(MUSICAL)
    tokenizer.fit([noise(72_000)])
    rows = standardise(tokenizer, tokenizer.features(noise(72_000))).flatten(0, 1)
    for name, part in tokenizer.musical.groups.items():
        deviation = rows[:, part].square().sum(dim=1).mean().sqrt().item()
        assert deviation == pytest.approx(WEIGHTS[name], rel=0.02), name


def test_musical_tokens_hold_no_network():
    assert MusicalTokenizer(MUSICAL).state_dict().keys() == {"mean", "std", "centroids"}


def test_musical_tokens_of_a_long_clip_are_those_of_its_parts():
    """Pieces of 30 s with 2 s around them: only near a joint might the pulse differ."""
    tokenizer, wave = fitted("musical"), noise(40 * 24_000)[:1]
    heard = tokenizer.musical(wave)
    assert (tokenizer.features(wave) - heard).abs().amax(dim=-1)[0, : 28 * 25].max() < 1e-3
    assert ((tokenizer.features(wave) - heard).abs().amax(dim=-1) < 1e-3).float().mean() > 0.9


def test_w2v_bert_hears_its_layer_whatever_else_it_is_fed():
    tokenizers = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        tokenizers.append(W2vBertTokenizer(W2vBert(W2V_BERT)))
        tokenizers[-1].fit([noise(72_000)], torch.Generator().manual_seed(0))
    first, second = (tokenizer.tokenize(noise(48_000, seed=5)) for tokenizer in tokenizers)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_section_says_which_class_it_is_of(config):
    whole = SystemConfig(semantic=config)
    assert from_dict(SystemConfig, to_dict(whole)).semantic == config
    assert system_config(to_dict(whole)).semantic == config


def test_w2v_bert_is_what_a_section_means_that_does_not_say():
    assert system_config({"semantic": {"dim": 256}}).semantic == W2vBertConfig(dim=256)
    assert system_config({"semantic": {"tokenizer": "musical"}}).semantic == MusicalConfig()


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"tokenizer": "hubert"}, "'semantic.tokenizer' must be 'w2v-bert' or 'musical', not 'hub"),
        ({"tokenizer": ["musical"]}, "'semantic.tokenizer' must be 'w2v-bert' or 'musical', not"),
        ({"tokenizer": "musical", "dim": 4}, "unknown key 'semantic.dim'; legal: tokenizer, clu"),
        ({"clustered": "layer"}, "unknown key 'semantic.clustered'"),
        (3, "'semantic' must be a table, not 3"),
    ],
)
def test_a_section_of_no_class_is_refused_in_one_line(section, line):
    with pytest.raises(UserError, match=line) as error:
        system_config({"semantic": section})
    assert "\n" not in str(error.value)


def test_a_name_belongs_to_its_class():
    with pytest.raises(UserError, match="'tokenizer' must be 'w2v-bert', not 'musical'"):
        from_dict(W2vBertConfig, {"tokenizer": "musical"})
