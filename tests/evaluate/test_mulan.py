"""Retrieval and zero-shot questions."""

import json

import torch

from musiclm.evaluate import zero_shot
from musiclm.evaluate.mulan import mulan
from musiclm.evaluate.retrieval import ranks


def test_ranks_count_who_is_nearer():
    audio = torch.eye(4)
    assert ranks(audio, audio).tolist() == [0, 0, 0, 0]
    assert ranks(audio.roll(1, dims=0), audio).min() > 0


def test_identical_embeddings_are_no_better_than_chance():
    same = torch.ones(101, 8)
    assert ranks(same, same).unique().tolist() == [50]


def test_the_tables_have_recall_tags_and_agreement(tiny, corpus, tmp_path):
    figures = mulan(tiny.tokenizers.mulan, corpus, pairs=12, pictures=tmp_path / "mulan.json")
    tables = {one["title"]: one["rows"] for one in figures["tables"]}
    rows = {line["what"]: line for line in tables["Retrieval"]}
    assert rows["text to audio"]["recall_at_1"]["n"] == 12
    assert rows["chance"]["recall_at_1"] == 1 / 12
    assert 0 <= rows["text to audio"]["recall_at_10"]["value"] <= 1
    asked = {line["what"] for line in tables["Zero-shot, the nearest of a few sentences"]}
    assert asked >= {"drums", "tempo class"}
    levels = tables["Tokens of a clip and of its caption"]
    assert len(levels) == 13 and levels[0]["codes"] == tiny.tokenizers.mulan.codebooks.shape[1]
    assert (tmp_path / figures["pictures"][0]["file"]).stat().st_size > 1000


def test_areas_are_of_the_towers_and_beside_them_centred(tiny, corpus, monkeypatch):
    monkeypatch.setattr(zero_shot, "FEWEST", 2)
    figures = json.loads(json.dumps(mulan(tiny.tokenizers.mulan, corpus, pairs=12)))
    tags = {one["title"]: one["rows"] for one in figures["tables"]}["Zero-shot tags"]
    assert tags and all(0 <= line[of]["value"] <= 1 for line in tags for of in ("area", "centred"))


def test_labels_of_another_corpus_leave_out_what_they_cannot_answer(tiny, corpus):
    figures = mulan(tiny.tokenizers.mulan, corpus, pairs=12)
    titles = [one["title"] for one in figures["tables"]]
    assert "Retrieval" in titles and "A caption reworded" not in titles
    assert all(one["rows"] for one in figures["tables"])


def test_valid_clips_help_out_and_are_named(tiny, corpus):
    figures = mulan(tiny.tokenizers.mulan, corpus, pairs=13)
    assert "valid and test" in figures["reference"]
