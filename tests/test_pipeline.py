"""Text to music, whole: what holds for any system, shown on the tiny one."""

import json
import shutil

import numpy as np
import pytest
import torch

from musiclm import MusicLM
from musiclm.audio import Waveform, read
from musiclm.checkpoint import load_tensors, save_tensors
from musiclm.errors import UserError
from musiclm.pipeline import Settings, check_duration, check_prompt
from musiclm.system import NOUNS, describe, load_system
from musiclm.tokens import ACOUSTIC, SEMANTIC

PROMPT = "a calm solo piano"


def test_a_sentence_becomes_sound_of_the_asked_length(tiny):
    clip = tiny.generate(PROMPT, duration=2.5, seed=1)
    assert clip.sample_rate == 24_000 and clip.samples.shape == (60_000,)
    assert np.isfinite(clip.samples).all() and 0 < np.abs(clip.samples).max() <= 1
    assert clip.tokens["semantic"].shape == (SEMANTIC.frames(2.5),)
    assert clip.tokens["acoustic"].shape == (ACOUSTIC.frames(2.5), 12)
    assert clip.metadata == {"prompt": PROMPT, "seed": "1", "system": "tiny"}


def test_the_same_seed_gives_the_same_samples_and_another_does_not(tiny):
    first, second, other = (tiny.generate(PROMPT, 1.0, seed).samples for seed in (1, 1, 2))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_the_prompt_changes_the_music(tiny):
    one, two = (tiny.generate(text, 1.0, 1).tokens for text in (PROMPT, "loud fast drums"))
    assert not torch.equal(one["mulan"], two["mulan"])
    assert not torch.equal(one["semantic"], two["semantic"])


def test_a_list_gives_what_single_calls_give(tiny):
    clips = tiny.generate([PROMPT, "loud fast drums"], 1.0, seed=5)
    alone = [tiny.generate(PROMPT, 1.0, 5), tiny.generate("loud fast drums", 1.0, 6)]
    for together, single in zip(clips, alone, strict=True):
        assert torch.equal(together.tokens["acoustic"], single.tokens["acoustic"])
        np.testing.assert_allclose(together.samples, single.samples, atol=1e-3)


def test_temperature_zero_needs_no_seed(tiny):
    greedy = Settings(temperature=(0.0, 0.0, 0.0))
    one, two = (tiny.generate(PROMPT, 0.5, seed, settings=greedy) for seed in (1, 2))
    assert torch.equal(one.tokens["acoustic"], two.tokens["acoustic"])


@pytest.mark.parametrize("prompt", ["", PROMPT])
def test_a_continuation_holds_the_clip_and_what_follows(tiny, prompt):
    time = np.arange(36_000) / 24_000
    before = Waveform((0.3 * np.sin(2 * np.pi * 330 * time)).astype(np.float32))
    clip = tiny.generate(prompt, duration=1.0, seed=3, continue_from=before)
    assert len(clip.samples) == 36_000 + 24_000
    held = np.corrcoef(clip.samples[:35_000], before.samples[:35_000])[0, 1]
    assert held > 0.999
    assert np.abs(clip.samples[36_000:]).max() > 0


def test_saved_and_loaded_again_it_sings_the_same(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "copy")
    copy = MusicLM.from_pretrained(tmp_path / "copy", "cpu")
    assert np.array_equal(
        copy.generate(PROMPT, 0.5, 1).samples, tiny.generate(PROMPT, 0.5, 1).samples
    )


def test_metadata_travels_in_the_file(tiny, tmp_path):
    import soundfile

    tiny.generate(PROMPT, 0.5, 1).save(tmp_path / "x.flac")
    with soundfile.SoundFile(tmp_path / "x.flac") as file:
        assert json.loads(file.comment)["prompt"] == PROMPT
    assert read(tmp_path / "x.flac").seconds == 0.5


@pytest.mark.parametrize("seconds", [0, -1, 1e9, float("nan"), float("inf")])
def test_impossible_durations_are_refused(seconds):
    with pytest.raises(UserError, match="duration must be between"):
        check_duration(seconds)


@pytest.mark.parametrize(
    "text", ["", "  \n", "🎹🎵", "спокойное пианино", "静かなピアノ", "x" * 3000]
)
def test_prompts_that_say_nothing_are_refused(text):
    with pytest.raises(UserError, match="prompt"):
        check_prompt(text)


def test_english_with_an_emoji_or_an_accent_is_fine():
    check_prompt("a calm piano 🎹 in a café")


def test_a_stage_of_another_tokenizer_is_refused_by_name(tiny_folder, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(tiny_folder, folder)
    index = json.loads((folder / "system.json").read_text())
    index["parts"]["lm.coarse"]["trained_with"]["codec"] = "0" * 64
    (folder / "system.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="lm.coarse was trained with another codec"):
        load_system(folder, torch.device("cpu"))


@pytest.mark.parametrize("noun", NOUNS)
def test_exchanged_weights_are_noticed(tiny_folder, tmp_path, noun):
    folder = tmp_path / "tampered"
    shutil.copytree(tiny_folder, folder)
    path = folder / f"{noun}.safetensors"
    tensors, metadata = load_tensors(path)
    name = next(n for n, t in tensors.items() if t.is_floating_point() and t.numel() > 1)
    save_tensors(path, tensors | {name: tensors[name] + 1}, metadata)
    with pytest.raises(UserError, match=f"{noun}.safetensors is not the file"):
        load_system(folder, torch.device("cpu"))


def test_missing_parts_and_unknown_names_are_named(tiny_folder, tmp_path):
    folder = tmp_path / "partial"
    shutil.copytree(tiny_folder, folder)
    (folder / "mulan.safetensors").unlink()
    with pytest.raises(UserError, match="mulan.safetensors"):
        load_system(folder, torch.device("cpu"))
    with pytest.raises(UserError, match="no system called 'nothing'"):
        load_system("nothing", torch.device("cpu"))


def test_describe_counts_every_part(tiny_folder):
    facts = describe(tiny_folder)
    assert set(facts["parts"]) == set(NOUNS)
    assert facts["parameters"] == sum(part["parameters"] for part in facts["parts"].values()) > 0
