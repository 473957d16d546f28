"""From a configuration to parts in a folder, each beside those that it was trained with."""

import json

import pytest
import torch

from musiclm import MusicLM
from musiclm.config import load_toml
from musiclm.data.manifest import write_manifest
from musiclm.errors import UserError
from musiclm.semantic.musical_tokenizer import MusicalConfig, MusicalTokenizer
from musiclm.system import (
    NOUNS,
    install_part,
    load_part,
    load_system,
    load_tokenizers,
    read_index,
)
from musiclm.tokenizers import tokenize_corpus
from musiclm.train.tasks import (
    TASK_CONFIGS,
    build_task,
    resolve,
    sampling_of,
    take_part,
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
        assert parts[noun]["origin"]["data"]["clips"] == sum(
            clip.split == "train" for clip in clips
        )
    assert (system / "CARD.md").read_text().count("not stated") == 2 * len(NOUNS)
    told = [parts[noun]["origin"] for noun in NOUNS]
    assert all(own["steps"] == 2 and own["device"].startswith("cpu ") for own in told)
    judges = {own["config"]["train"]["judged_by"] for own in told[3:]}
    assert judges == {"nats"} and "origin unknown" not in (system / "CARD.md").read_text()
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


def test_the_semantic_section_says_which_tokenizer_is_trained(clips, tmp_path, sections):
    write_manifest(tmp_path / "manifest.jsonl", clips)
    sections["semantic"] = {"tokenizer": "musical", "clusters": 8}
    system = tmp_path / "system"
    train_part("semantic", sections, data=tmp_path, system=system, run_dir=tmp_path / "run")
    part = load_part(system, "semantic", read_index(system), torch.device("cpu"))
    assert isinstance(part, MusicalTokenizer)
    assert part.config == MusicalConfig(clusters=8)


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


def test_parts_are_taken_from_another_system_as_they_are(tiny_folder, tmp_path):
    """With their origin and their sampling; a stage only beside the tokenizers that it knows."""
    own = tmp_path / "own"
    with pytest.raises(UserError, match="has no codec yet"):
        take_part("lm.semantic", tiny_folder, own)
    for noun in NOUNS:
        take_part(noun, tiny_folder, own)
    before, after = read_index(tiny_folder), read_index(own)
    assert before["parts"] == after["parts"] and before["config"] == after["config"]
    load_system(own, torch.device("cpu"))

    index = json.loads((own / "system.json").read_text())
    index["parts"]["codec"]["tokens"] = "0" * 64
    (own / "system.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="trained with another codec"):
        take_part("lm.coarse", tiny_folder, own)


def test_a_codec_whose_decoder_learned_on_goes_with_its_stages(tiny_folder, tmp_path):
    """Stages are pinned to what the tokens depend on; an encoder that learned on is refused."""
    own = tmp_path / "own"
    for noun in NOUNS:
        take_part(noun, tiny_folder, own)
    config = load_system(own, torch.device("cpu")).config
    codec = load_part(own, "codec", read_index(own), torch.device("cpu")).state_dict()
    decoder = next(n for n in codec if n.startswith("decoder.") and codec[n].is_floating_point())
    install_part(own, "codec", codec | {decoder: codec[decoder] + 1.0}, config)
    load_system(own, torch.device("cpu"))
    books = {"quantiser.codebooks": codec["quantiser.codebooks"] + 1.0}
    install_part(own, "codec", codec | books, config)
    with pytest.raises(UserError, match="trained with another codec"):
        load_system(own, torch.device("cpu"))


def test_a_system_without_a_fine_stage_decodes_its_coarse_levels(tiny_folder, tmp_path):
    own = tmp_path / "own"
    for noun in NOUNS:
        take_part(noun, tiny_folder, own)
    index = json.loads((own / "system.json").read_text())
    index["config"]["lm"]["stages"] = ["semantic", "coarse"]
    del index["parts"]["lm.fine"]
    (own / "system.json").write_text(json.dumps(index))
    model = MusicLM.from_pretrained(own, "cpu")
    clip = model.generate("a calm piano", duration=0.4, seed=1)
    assert clip.tokens["acoustic"].shape[-1] == model.system.config.lm.coarse_levels
    again = tmp_path / "again"
    model.save_pretrained(again)
    assert torch.equal(
        MusicLM.from_pretrained(again, "cpu").generate("a calm piano", 0.4, 1).tokens["acoustic"],
        clip.tokens["acoustic"],
    )
