"""Areas under the curve: their extremes, ties, and which tags are worth asking."""

import numpy as np
import pytest
import torch

from musiclm.corpus.vocabulary import FAMILIES
from musiclm.data.manifest import Clip
from musiclm.evaluate.zero_shot import FEWEST, Tag, area, area_rows, areas, mood_tags, questions


def test_area_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    scores, fits = rng.integers(0, 6, 60), rng.random(60) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[fits] for b in scores[~fits]]
    assert area(scores, fits) == pytest.approx(float(np.mean(pairs)))
    assert area(-scores, fits) == pytest.approx(1 - float(np.mean(pairs)))


def clips(count: int) -> list[Clip]:
    """Half of them calm, all by one family."""
    return [
        Clip(str(i), "x.wav", 10.0, labels={"moods": ["calm"] if i % 2 else ["wild"],
                                            "families": ["keys"]})
        for i in range(count)
    ]  # fmt: skip


def test_a_tag_that_is_heard_has_a_full_area_and_a_turned_one_none():
    rows = clips(40)
    heard = torch.tensor([[1.0, 0.0] if i % 2 else [0.0, 1.0] for i in range(40)])
    heard = heard + 0.01 * torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    told = {"calm": [1.0, 0.0], "wild": [1.0, 0.0]}  # the second sentence means the first

    def embed(texts):
        return torch.tensor([told[next(word for word in told if word in text)] for text in texts])

    found = areas(embed, rows, heard, mood_tags(rows))
    assert found["calm"].value == 1.0 and found["wild"].value == 0.0
    assert found["mean"].value == 0.5 and found["mean"].n == 2
    assert found["calm"].n == 20
    line = area_rows("mood words", found)[0]
    assert line["tags"] == 2 and line["worst"].startswith("wild 0.00")


def test_noise_scores_chance_within_its_interval():
    rows = clips(200)
    heard = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    found = areas(lambda texts: torch.ones(len(texts), 8), rows, heard, mood_tags(rows))
    assert found["calm"].low < 0.5 < found["calm"].high
    assert found["calm"].high - found["calm"].low < 0.3


def test_rare_and_common_tags_are_left_out():
    rows = clips(2 * FEWEST - 2)
    everyone = Tag("keys", ("keys",), lambda clip: "keys" in clip.labels["families"])
    nearly = [*mood_tags(rows), everyone]
    assert (
        areas(lambda texts: torch.ones(len(texts), 2), rows, torch.ones(len(rows), 2), nearly) == {}
    )
    assert area_rows("mood words", {}) == []


def test_every_family_and_style_has_sentences():
    asked = questions()
    assert [tag.name for tag in asked["instrument families"]] == list(FAMILIES)
    assert len(asked["style words"]) > 20
    for tags in asked.values():
        assert all(len(tag.sentences) >= 2 for tag in tags)
    said = {text for tag in asked["style words"] for text in tag.sentences}
    assert said.isdisjoint(t for tag in asked["style words, held out"] for t in tag.sentences)
