"""Every configuration loads, builds every model, and has the size it says."""

from pathlib import Path

import pytest
import torch

from musiclm.config import load_toml
from musiclm.errors import UserError
from musiclm.system import NOUNS, SystemConfig, build, system_config
from musiclm.tokens import ACOUSTIC, SEMANTIC
from musiclm.train.tasks import resolve, sampling_of

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))


def parameters(noun, config):
    with torch.device("meta"):
        return sum(p.numel() for p in build(noun, config).parameters())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_section_is_legal(path):
    sections = load_toml(path)
    system_config(sections)
    for noun in NOUNS:
        assert resolve(noun, sections)["noun"] == noun
        sampling_of(noun, sections)
    assert set(sections) <= {"codec", "semantic", "mulan", "lm", "train", "generation"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_rates_are_the_papers_whatever_the_size(path):
    config = system_config(load_toml(path))
    acoustic = config.codec.alphabet
    assert acoustic.tokens_per_second == ACOUSTIC.tokens_per_second == 600
    assert acoustic.size == ACOUSTIC.size and config.codec.bitrate == 6000
    assert (acoustic == ACOUSTIC) == (path.stem != "mini")  # which has 25 frames of 24 levels
    assert config.semantic.frame_rate == SEMANTIC.rate
    assert config.semantic.clusters == SEMANTIC.size
    assert (config.mulan.levels, config.mulan.codes) == (12, 1024)


@pytest.mark.parametrize(
    ("noun", "low", "high"),
    [
        ("codec", 8.0e6, 9.2e6),  # SoundStream: 8.4 M with other strides of the same network
        ("semantic", 5.7e8, 6.3e8),  # w2v-BERT XL: 0.6 B
        ("mulan", 1.8e8, 2.1e8),  # AST 86 M and BERT-base 110 M
        ("lm.semantic", 4.1e8, 4.4e8),  # "430M per stage"
        ("lm.coarse", 4.1e8, 4.4e8),
        ("lm.fine", 4.1e8, 4.4e8),
    ],
)
def test_the_defaults_have_the_papers_parameter_counts(noun, low, high):
    assert low <= parameters(noun, SystemConfig()) <= high


def test_stages_are_told_what_the_codecs_tokens_are():
    config = system_config(load_toml(CONFIGS[0].with_name("mini.toml")))
    for name in ("semantic", "coarse", "fine"):
        stage = getattr(config.lm, name).stage
        assert stage.acoustic == config.codec.alphabet
        assert stage.coarse_levels == config.lm.coarse_levels
    assert config.nouns == ("codec", "semantic", "mulan", "lm.semantic", "lm.coarse")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"lm": {"coarse_levels": 12}}, "coarse_levels must be 1 to 11"),
        ({"codec": {"levels": 3}}, "coarse_levels must be 1 to 2"),
        ({"lm": {"stages": ["coarse"]}}, "lm.stages are"),
        ({"codec": {"seanet": {"strides": [4, 4, 5, 8]}}}, "no whole number|no multiple"),
        ({"codec": {"network": "foo"}}, "network is one of"),
        ({"codec": {"network": "magnitude", "denoise": True}}, "denoise"),
        ({"codec": {"network": "magnitude", "magnitude": {"rounds": -1}}}, "rounds"),
    ],
)
def test_chains_that_do_not_fit_are_named(wrong, named):
    with pytest.raises(UserError, match=named):
        system_config(wrong)


def test_paper_toml_departs_from_no_model():
    path = next(path for path in CONFIGS if path.stem == "paper")
    assert system_config(load_toml(path)) == SystemConfig()


def test_mini_fits_the_package():
    path = next(path for path in CONFIGS if path.stem == "mini")
    config = system_config(load_toml(path))
    with torch.device("meta"):
        parts = [build(noun, config).state_dict() for noun in config.nouns]
    assert 2 * sum(t.numel() for part in parts for t in part.values()) <= 100e6  # float16
