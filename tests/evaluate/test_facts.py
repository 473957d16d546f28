"""Facts that were asked for, and what is heard: shares of agreement, beside chance."""

from pathlib import Path

import numpy as np
import pytest

from musiclm.audio import read
from musiclm.evaluate.analyst import Analyst, Heard
from musiclm.evaluate.clips import Recording
from musiclm.evaluate.embedders.base import Tagger
from musiclm.evaluate.facts import answers, known
from musiclm.evaluate.judge import Judge, JudgeConfig, Verdict, load_judge
from musiclm.evaluate.structure import analyse


@pytest.fixture(scope="module")
def quiet_structure():
    return analyse(np.zeros(48_000, np.float32))


def ask(facts, prompt=None):
    return Recording(Path("a.wav"), "a", prompt, facts)


def said(structure, key=0, families=(), drums=False, family="keys", tempo="slow", mode="major",
         style="folk"):  # fmt: skip
    verdict = Verdict(drums, family, tempo, mode, style)
    return Heard(structure, verdict, frozenset(families), key)


def by_name(found):
    return {(one.question.name, one.question.by): one for one in found}


def test_agreement_and_chance(quiet_structure):
    asked = [ask({"drums": True}), ask({"drums": True}), ask({"drums": False}), ask({})]
    heard = [said(quiet_structure, drums=d) for d in (True, False, False, True)]
    (drums,) = answers(asked, heard)
    assert drums.estimate.value == pytest.approx(2 / 3) and drums.estimate.n == 3
    # Asked 2 of 3, heard 1 of 3: 2/3 * 1/3 + 1/3 * 2/3.
    assert drums.chance == pytest.approx(4 / 9)
    assert drums.estimate.low <= drums.estimate.value <= drums.estimate.high
    assert drums.draws[0] == pytest.approx(2 / 3)


def test_all_right_has_an_interval_too(quiet_structure):
    (found,) = answers([ask({"drums": False})] * 5, [said(quiet_structure)] * 5)
    assert found.estimate.value == 1.0 and found.estimate.low < 0.7


def test_families_overlap(quiet_structure):
    asked = [ask({"families": ["keys", "winds", "bass"]}), ask({"families": ["brass"]})]
    heard = [said(quiet_structure, families=f) for f in (["keys"], ["brass", "synth"])]
    found = by_name(answers(asked, heard))[("families", "judge")]
    assert found.estimate.value == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert found.chance == pytest.approx((1 / 2 + 0 + 0 + 1 / 2) / 4)


def test_key_and_mode_count_where_the_sentence_says_them(quiet_structure):
    facts = {"key": "C", "mode": "major"}
    asked = [ask(facts, "a sad song"), ask(facts, "in C major"), ask(facts, "A Major key"),
             ask(facts)]  # fmt: skip
    found = by_name(answers(asked, [said(quiet_structure)] * 4))
    assert found[("mode", "judge")].estimate.n == 3
    assert found[("key", "judge")].estimate.n == 3
    assert found[("key", "judge")].estimate.value == 1.0
    assert found[("key", "signal")].estimate.value == 0.0  # silence has no key


def test_tempo_by_signal(corpus):
    clips = corpus[:6]
    heard = [said(analyse(read(clip.path).samples)) for clip in clips]
    found = by_name(answers([ask(clip.labels) for clip in clips], heard))
    assert found[("tempo, half or double", "signal")].estimate.value == 1.0
    wrong = [ask({"bpm": 100.0 * 2**0.5 if clip.labels["bpm"] < 100 else 71.0}) for clip in clips]
    assert by_name(answers(wrong, heard))[("tempo, half or double", "signal")].estimate.value < 0.5


def test_order_needs_no_scale(corpus, quiet_structure):
    busy = {
        bpm: analyse(read(c.path).samples) for c in corpus[:3] for bpm in [c.labels["tempo_class"]]
    }
    levels = {"slow": "low", "medium": "medium", "fast": "high"}
    heard = [said(busy[name]) for name in levels] * 2
    right = [ask({"energy": levels[name]}) for name in levels] * 2
    (found,) = answers(right, heard)
    assert found.estimate.value == 1.0 and found.chance == 0.5 and found.estimate.n == 6
    (turned,) = answers([ask({"energy": level}) for level in ("high", "medium", "low")] * 2, heard)
    assert turned.estimate.value == 0.0
    (tied,) = answers(right, [said(quiet_structure)] * 6)
    assert tied.estimate.value == 0.5
    assert not answers([ask({"energy": "low"})] * 3, heard[:3])  # nothing to tell apart


def test_impossible_facts_are_not_known():
    bad = {"drums": "yes", "bpm": "fast", "tempo_class": 3, "key": None, "families": "keys",
           "mode": 1, "style": ["folk"], "energy": 9}  # fmt: skip
    assert known(bad).labels == {}
    assert known({"bpm": float("nan")}).labels == {} == known({"bpm": True}).labels
    assert known({"bpm": 90}).labels == {"bpm": 90.0}


def test_styles_that_the_judge_never_learned_are_not_asked(quiet_structure):
    asked, heard = [ask({"style": "polka"}), ask({"style": "folk"})], [said(quiet_structure)] * 2
    (found,) = answers(asked, heard, ("folk", "jazz"))
    assert found.question.name == "style" and found.estimate.n == 1
    assert not answers(asked, heard, ())


def test_the_analyst_tells_what_it_kept(corpus):
    analyst = Analyst()
    assert isinstance(analyst, Tagger)
    samples = read(corpus[0].path).samples
    told = analyst.told(analyst.tag(samples))
    assert told.structure == analyse(samples)
    import torch

    assert told.verdict == load_judge().judge(torch.from_numpy(samples)[None, None])[0]


def test_the_analyst_bears_silence_and_a_judge_without_styles():
    analyst = Analyst(Judge(JudgeConfig(channels=(4, 8, 8), width=16, curves=4)))
    row = analyst.tag(np.zeros(48_000, np.float32))
    assert np.isfinite(row).all()
    told = analyst.told(row)
    assert told.verdict.style is None and told.structure.loudness is None
    assert told.structure.health.silent
