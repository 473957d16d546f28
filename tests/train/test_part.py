"""From a configuration to parts in a folder, each beside those that it was trained with."""

import json

import pytest
import torch

from musiclm.config import load_toml
from musiclm.data.manifest import write_manifest
from musiclm.errors import UserError
from musiclm.system import NOUNS, load_system, load_tokenizers, read_index
from musiclm.tokenizers import tokenize_corpus
from musiclm.train.tasks import (
    TASK_CONFIGS,
    build_task,
    resolve,
    sampling_of,
    train_config,
    train_part,
)

SHORT = "{steps=2, warmup=0, batch=2, log_every=1, crop_seconds=0.48, device='cpu'}"


@pytest.fixture
def sections(pytestconfig):
    overrides = [f"train.{noun}={SHORT}" for noun in NOUNS]
    more = ["train.semantic.task.fit_seconds=20.0", "mulan.window_seconds=1.0"]
    return load_toml(pytestconfig.rootpath / "configs" / "tiny.toml", overrides + more)


def test_a_whole_system_trains_part_by_part(clips, tmp_path, sections):
    write_manifest(tmp_path / "manifest.jsonl", clips)
    system, shards = tmp_path / "system", tmp_path / "shards"
    sections["generation"] = {"coarse": {"cfg_scale": 3.0, "top_p": 0.9}}

    def run(noun, data):
        return train_part(
            noun, sections, data=data, system=system, run_dir=tmp_path / "runs" / noun, quiet=True
        )

    with pytest.raises(UserError, match="has no codec yet"):
        run("lm.coarse", shards)
    for noun in ("codec", "semantic", "mulan"):
        assert run(noun, tmp_path).finished
    tokenize_corpus(lambda: load_tokenizers(system, torch.device("cpu")), clips, shards)
    for noun in ("lm.semantic", "lm.coarse", "lm.fine"):
        assert run(noun, shards).finished
    whole = load_system(system, torch.device("cpu"))
    assert read_index(system)["parts"].keys() == set(NOUNS)
    parts = read_index(system)["parts"]
    for noun in NOUNS:  # where the recordings came from reaches every part, and the card
        assert parts[noun]["data"]["clips"] == sum(clip.split == "train" for clip in clips)
    assert (system / "CARD.md").read_text().count("not stated") == 2 * len(NOUNS)
    books = whole.tokenizers.mulan.codebooks
    assert torch.equal(whole.stages["coarse"].given["mulan"].codebooks, books)
    assert whole.generation == sections["generation"]
    assert whole.sampling("coarse").cfg_scale == 3.0 and whole.sampling("fine").cfg_scale == 1.0
    resolved = json.loads((tmp_path / "runs" / "lm.fine" / "config.json").read_text())
    assert resolved["noun"] == "lm.fine"
    assert resolved["train"]["steps"] == 2

    header = json.loads((shards / "shards.json").read_text())
    header["fingerprints"]["codec"] = "0" * 64
    (shards / "shards.json").write_text(json.dumps(header))
    with pytest.raises(UserError, match="codec tokens were made by another codec"):
        run("lm.coarse", shards)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_resolves_to_plain_numbers(sections, noun):
    resolved = resolve(noun, sections)
    assert json.loads(json.dumps(resolved)) == resolved
    assert ("task" in resolved) == (noun in TASK_CONFIGS)


def test_wrong_names_are_refused(sections, tmp_path):
    with pytest.raises(UserError, match="no part called 'lm'"):
        train_config("lm", sections)
    with pytest.raises(UserError, match="unknown key 'train.codec.step'; legal: steps"):
        train_config("codec", {"train": {"codec": {"step": 1}}})
    with pytest.raises(UserError, match="unknown key 'train.codec.task.adversarial'"):
        resolve("codec", {"train": {"codec": {"task": {"adversarial": 1}}}})
    with pytest.raises(UserError, match=r"train\.lm\.fine\.task"):
        resolve("lm.fine", {"train": {"lm": {"fine": {"task": {"x": 1}}}}})
    with pytest.raises(UserError, match=r"unknown key 'generation\.coarse\.cfg'; legal: temperat"):
        sampling_of("lm.coarse", {"generation": {"coarse": {"cfg": 3.0}}})
    with pytest.raises(UserError, match="cfg-scale must be at least 0"):
        sampling_of("lm.coarse", {"generation": {"coarse": {"cfg_scale": -1.0}}})
    with pytest.raises(UserError, match=r"\[train\.codec\]: 'train' must be a table, not 3"):
        train_config("codec", {"train": 3})


def test_weights_are_drawn_from_the_seed_of_the_configuration(clips, tmp_path, sections):
    write_manifest(tmp_path / "manifest.jsonl", clips)
    first, second = (build_task("codec", sections, tmp_path).modules["model"] for _ in range(2))
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
