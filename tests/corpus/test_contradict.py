"""Contradicting captions are untrue of their clip, in the fact that they are said to be about."""

import re

import numpy as np
import pytest

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.aspects_check import untruths
from musiclm.corpus.contradict import KINDS, alike, change, contradiction, rival_captions
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import perform
from musiclm.errors import UserError


@pytest.fixture(scope="module")
def labels() -> list[dict]:
    found = []
    for seed, texture in enumerate(["solo", "ensemble", "band", "band", "ensemble", "solo"] * 4):
        rng = np.random.default_rng(seed)
        piece = compose_piece(rng, 10.0, texture=texture)
        found.append(describe(piece, perform(piece, rng, 10.0), 10.0))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_untrue_of_the_clip(labels, kind):
    made = 0
    for seed, told in enumerate(labels):
        try:
            right, text, what = contradiction(told, np.random.default_rng(seed), kinds=(kind,))
        except UserError:
            continue
        made += 1
        assert what == kind
        assert untruths(told, right) == [] and untruths(told, text)
        named = re.search(r"\b(major|minor)\b", text, re.IGNORECASE) is not None
        if kind in ("mood", "mode"):
            assert named == (kind == "mode")
    assert made > len(labels) // 2


def test_the_same_generator_gives_the_same_caption(labels):
    first, again = (contradiction(labels[0], np.random.default_rng(3)) for _ in range(2))
    assert first == again
    others = {contradiction(labels[0], np.random.default_rng(seed))[1] for seed in range(8)}
    assert len(others) > 4


def test_only_one_fact_changes(labels):
    rng = np.random.default_rng(0)
    for told in labels:
        slower = change(told, "tempo", rng)
        assert slower is not None and slower["tempo_class"] != told["tempo_class"]
        assert slower["instruments"] == told["instruments"] and slower["mode"] == told["mode"]
        drummed = change(told, "drums", rng)
        assert drummed is not None and drummed["drums"] != told["drums"]
        assert drummed["tempo_class"] == told["tempo_class"]
        kits = [row for row in drummed["instruments"] if row["family"] == "drums"]
        assert bool(kits) == drummed["drums"]
        led = change(told, "lead", rng)
        if led is not None:
            assert led["instruments"][0]["family"] not in told["families"]
            assert led["instruments"][1:] == told["instruments"][1:]


def test_both_captions_are_written_with_the_same_dice(labels):
    near, strange = [], []
    for seed, told in enumerate(labels):
        right, wrong, _ = contradiction(told, np.random.default_rng(seed), kinds=("tempo",))
        other = contradiction(told, np.random.default_rng(seed + 99), kinds=("tempo",))[0]
        near.append(alike(right, wrong))
        strange.append(alike(right, other))
    assert np.mean(near) > np.mean(strange) + 0.1


@pytest.mark.parametrize("wording", ["train", "heldout"])
def test_rivals_are_written_alike(labels, wording):
    shared, strangers = [], []
    for seed, told in enumerate(labels[:12]):
        for kind in ("tempo", "drums"):
            pair = rival_captions(told, np.random.default_rng(seed), kind, wording=wording)
            if pair is None:
                continue
            right, wrong = pair
            assert untruths(told, right) == [] and untruths(told, wrong)
            other = rival_captions(told, np.random.default_rng(seed + 99), kind, wording=wording)
            shared.append(alike(right, wrong))
            strangers += [alike(right, other[0])] if other else []
    assert len(shared) > 12
    assert np.mean(shared) > np.mean(strangers) + 0.05


def test_what_cannot_be_changed_is_named():
    drums = {
        "texture": "drums", "instruments": [{"program": 0, "name": "drums", "family": "drums",
        "role": "drums"}], "families": [], "bass": False, "drums": True, "style": "rock",
        "bpm": 120.0, "tempo_class": "medium", "key": None, "mode": None, "metre": "4/4",
        "density": "medium", "dynamics": "loud", "moods": ["steady"],
    }  # fmt: skip
    right, text, what = contradiction(drums, np.random.default_rng(0))
    assert what == "tempo" and untruths(drums, text) and not untruths(drums, right)
    with pytest.raises(UserError, match="drums, lead"):
        contradiction(drums, np.random.default_rng(0), kinds=("drums", "lead"))
