"""Contradicting, reworded and denied captions: what each share counts."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from musiclm.corpus.aspects_check import untruths
from musiclm.corpus.contradict import KINDS
from musiclm.data.manifest import Clip
from musiclm.evaluate.texts import (
    denial_rows,
    preferred,
    reworded,
    reworded_rows,
    rival_rows,
    rivals,
    shuffled,
)

LABELS = {
    "texture": "band", "instruments": [
        {"program": 73, "name": "flute", "family": "winds", "role": "melody"},
        {"program": 0, "name": "piano", "family": "keys", "role": "chords"},
        {"program": 0, "name": "drums", "family": "drums", "role": "drums"}],
    "families": ["keys", "winds"], "drums": True, "bass": False, "style": "folk", "bpm": 70.0,
    "tempo_class": "slow", "key": "A", "mode": "minor", "metre": "4/4", "density": "medium",
    "register": "high", "dynamics": "medium", "energy": "low", "percussion": ["kick", "snare"],
    "moods": ["sad", "wistful"],
}  # fmt: skip


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [Clip(str(i), "x.wav", 10.0, labels=LABELS) for i in range(10)]


def letters(texts) -> torch.Tensor:
    """An embedding that knows which letters a text has and nothing of their order."""
    counts = [[text.lower().count(chr(97 + k)) for k in range(26)] for text in texts]
    return F.normalize(torch.tensor(counts).float() + 0.01, dim=1)


def test_ties_are_not_preferred():
    one = torch.ones(3, 4)
    assert not preferred(one, one, one).any()
    assert preferred(torch.eye(2), torch.eye(2), -torch.eye(2)).all()


def test_rivals_differ_in_one_fact_and_take_turns(clips):
    kinds = []
    for number, clip in enumerate(clips):
        pair = rivals(clip, number, 3, "train", 0)
        assert pair is not None
        right, wrong, kind = pair
        assert not untruths(LABELS, right) and untruths(LABELS, wrong)
        kinds.append(kind)
    assert set(kinds) == set(KINDS)
    assert rivals(clips[0], 0, 3, "train", 0) == rivals(clips[0], 0, 3, "train", 0)
    assert rivals(dataclasses.replace(clips[0], labels={}), 0, 3, "train", 0) is None


def test_a_model_that_cheats_is_always_right_and_one_that_errs_never(clips):
    right = {}
    for form, wording in ((3, "train"), (1, "train"), (3, "heldout")):
        for number, clip in enumerate(clips):
            pair = rivals(clip, number, form, wording, 0)
            assert pair is not None
            right |= {pair[0]: 1.0, pair[1]: -1.0}

    def embed(texts):
        return torch.tensor([[right[text], 0.5] for text in texts])

    audio = torch.tensor([[1.0, 0.0]]).expand(len(clips), -1)
    rows = rival_rows(embed, clips, audio, 0)
    assert [line["right"]["value"] for line in rows[:3]] == [1.0] * 3
    assert rows[-1]["right"] == 0.5
    assert rival_rows(embed, clips, -audio, 0)[0]["right"]["value"] == 0.0
    assert rival_rows(embed, [dataclasses.replace(clips[0], labels={})], audio[:1], 0) == []


def test_rewordings_say_the_same(clips):
    told = reworded(clips, 0)
    plain = told["a long caption"]
    assert len(told) == 6
    assert all(not untruths(LABELS, text) for text in [*plain, *told["first sentence only"]])
    for text, mixed in zip(plain, told["words in any order"], strict=True):
        assert sorted(text.split()) == sorted(mixed.split()) and text != mixed
    audio = letters(plain)
    rows = {
        line["what"]: line
        for line in reworded_rows(letters, lambda text: text[:, :2].round().long(), clips, audio, 0)
    }
    assert rows["words in any order"]["cosine"]["value"] == pytest.approx(1.0)
    assert rows["a long caption"]["same_token_1"] == 1.0
    assert rows["first sentence only"]["cosine"]["value"] < 0.999


def test_shuffling_keeps_the_words():
    text = "a slow sad piece with drums"
    assert sorted(shuffled(text, np.random.default_rng(0)).split()) == sorted(text.split())


def test_denials_are_counted_by_what_is_true(clips):
    def embed(texts):  # hears the "no" and nothing else
        return torch.tensor([[1.0, 0.0] if "without" in text else [0.0, 1.0] for text in texts])

    denying = torch.tensor([[1.0, 0.0]]).expand(len(clips), -1)
    shares = {line["what"]: line["right"] for line in denial_rows(embed, clips, denying)}
    assert shares["with drums / without drums, drums play"]["value"] == 0.0
    assert shares["with its lead / without it"]["value"] == 0.0
    quiet = [dataclasses.replace(clip, labels={**LABELS, "drums": False}) for clip in clips]
    shares = {line["what"]: line["right"] for line in denial_rows(embed, quiet, denying)}
    assert shares["with drums / without drums, none play"]["value"] == 1.0
