"""Prompts, health and the arithmetic of control."""

from collections import Counter

import numpy as np
import pytest
import torch

from musiclm.audio import SAMPLE_RATE, read
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.corpus.wording import WORDINGS
from musiclm.evaluate.clips import open_folder
from musiclm.evaluate.control import chance_row, control, matched, score_row
from musiclm.evaluate.health import check
from musiclm.evaluate.judge import Judge, JudgeConfig, Verdict
from musiclm.evaluate.prompts import Prompt, fits, prompts
from musiclm.pipeline import check_prompt

TIME = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE


@pytest.fixture(scope="module")
def asked() -> list[Prompt]:
    return prompts(100, seed=0)


def test_prompts_cover_families_tempos_and_drums(asked):
    solos = Counter(prompt.family for prompt in asked if prompt.family)
    assert sum(solos.values()) == 40 and set(solos) == set(FAMILIES)
    assert max(solos.values()) - min(solos.values()) <= 1
    tempos = Counter(prompt.tempo for prompt in asked)
    assert min(tempos.values()) >= 30
    assert 30 <= sum(prompt.drums for prompt in asked) <= 40
    assert not any(prompt.drums for prompt in asked if prompt.family)


def test_prompts_say_what_is_asked_in_words_that_training_never_used(asked):
    heldout, train = WORDINGS["heldout"], WORDINGS["train"]
    for prompt in asked:
        check_prompt(prompt.text)
        text = prompt.text.lower()
        words = heldout.tempo[prompt.tempo] + heldout.pace[prompt.tempo]
        assert any(word in text for word in words), prompt
        assert not any(f" {word} " in text for word in train.tempo[prompt.tempo]), prompt
        assert "drum" in text or "percussion" in text, prompt


def test_another_seed_asks_for_other_things():
    assert prompts(4, seed=1) != prompts(4, seed=2)


def test_scores_are_shares_of_agreement():
    asked = [
        Prompt("a", False, "slow", "keys"),
        Prompt("b", False, "fast", "winds"),
        Prompt("c", True, "fast"),
        Prompt("d", True, "medium"),
    ]
    said = [
        Verdict(False, "keys", "slow", "major", None),
        Verdict(True, "keys", "fast", "major", None),
        Verdict(True, "brass", "fast", "major", None),
        Verdict(True, "brass", "slow", "major", None),
    ]
    scores = score_row("x", asked, said)
    assert scores["drums"]["value"] == 0.75 and scores["drums"]["n"] == 4
    assert scores["solo_family"]["value"] == 0.5 and scores["solo_family"]["n"] == 2
    assert scores["tempo"]["value"] == 0.75
    # Drums are asked for in 2 of 4 and heard in 3 of 4: 2/4 * 3/4 + 2/4 * 1/4.
    chance = chance_row(asked, said)
    assert chance["drums"] == 0.5 and chance["solo_family"] == 0.5
    assert chance["tempo"] == pytest.approx((1 * 2 + 2 * 2) / 16)


def test_a_prompt_is_matched_by_a_held_out_clip_with_its_facts(corpus):
    asked = [
        Prompt("a", False, "slow", "keys"),
        Prompt("b", True, "fast"),
        Prompt("c", False, "slow"),
    ]
    pairs = matched(asked, corpus, seed=0)
    assert [prompt.text for prompt, _ in pairs] == ["a", "b"]
    assert all(clip.split == "test" and fits(prompt, clip) for prompt, clip in pairs)


def test_a_clip_serves_one_prompt_only(corpus):
    asked = [Prompt(str(i), True, "fast") for i in range(9)]
    used = [clip.id for _, clip in matched(asked, corpus, seed=0)]
    assert len(used) == len(set(used)) < 9


def test_real_sound_is_healthy(corpus):
    assert all(check(read(clip.path).samples).good for clip in corpus[:12])


def test_silence_is_found(corpus):
    assert check(np.zeros(240_000, np.float32)).silent
    samples = read(corpus[0].path).samples.copy()
    assert not check(samples).silent
    samples[: 6 * SAMPLE_RATE] = 0.0
    assert check(samples).silent


def test_clipping_is_found_at_any_level(corpus):
    samples = read(corpus[0].path).samples
    hard = np.clip(samples * 8, -0.2, 0.2).astype(np.float32)
    assert not check(samples).clipped
    assert check(hard).clipped and check(hard * 0.5).clipped


def test_a_bass_tone_is_not_clipped():
    assert not check((0.9 * np.sin(2 * np.pi * 40 * TIME)).astype(np.float32)).clipped


def test_a_frozen_sound_is_stuck_and_notes_are_not():
    rng = np.random.default_rng(0)
    chord = sum(np.sin(2 * np.pi * hertz * TIME) for hertz in (220, 277, 330))
    buzz = np.sign(np.sin(2 * np.pi * 25 * TIME)) * (0.1 + 0.01 * rng.standard_normal(len(TIME)))
    assert check((0.2 * chord).astype(np.float32)).stuck
    assert check(buzz.astype(np.float32)).stuck
    struck = chord * np.exp(-(TIME % 0.5) * 5)
    assert not check((0.2 * struck).astype(np.float32)).stuck


def test_control_judges_every_clip_and_keeps_it(tiny, corpus, tmp_path):
    torch.manual_seed(0)
    judge = Judge(JudgeConfig(channels=(4, 8, 8), width=16, curves=4))
    figures = control(
        tiny, judge, n=5, duration=1.0, corpus=corpus, folder=tmp_path / "clips", batch=3
    )
    scores, _, health = figures["tables"]
    assert scores["rows"][0]["drums"]["n"] == 5
    assert [line["what"] for line in scores["rows"][:2]] == ["generated", "chance"]
    assert health["rows"][0]["silent"]["n"] == 5
    kept = sorted((tmp_path / "clips").glob("*.wav"))
    assert len(kept) == 5 and read(kept[4]).seconds == pytest.approx(1.0)
    told = open_folder(tmp_path / "clips")
    assert [clip.prompt for clip in told.recordings] == [one.text for one in prompts(5, 0)]
    assert all({"bpm", "drums", "style"} <= set(clip.facts) for clip in told.recordings)
