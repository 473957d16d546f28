"""Retrieval and zero-shot questions."""

import torch

from musiclm.evaluate.mulan import mulan, ranks


def test_ranks_count_who_is_nearer():
    audio = torch.eye(4)
    assert ranks(audio, audio).tolist() == [0, 0, 0, 0]
    assert ranks(audio.roll(1, dims=0), audio).min() > 0


def test_identical_embeddings_are_no_better_than_chance():
    same = torch.ones(101, 8)
    assert ranks(same, same).unique().tolist() == [50]


def test_the_table_has_recall_zero_shot_and_agreement(tiny, corpus):
    figures = mulan(tiny.tokenizers.mulan, corpus, pairs=12)
    recall, zero_shot, agreement = figures["tables"]
    rows = {line["what"]: line for line in recall["rows"]}
    assert rows["text to audio"]["recall_at_1"]["n"] == 12
    assert rows["chance"]["recall_at_1"] == 1 / 12
    assert 0 <= rows["text to audio"]["recall_at_10"]["value"] <= 1
    assert {line["what"] for line in zero_shot["rows"]} >= {"drums", "tempo class"}
    assert len(agreement["rows"]) == 13


def test_valid_clips_help_out_and_are_named(tiny, corpus):
    figures = mulan(tiny.tokenizers.mulan, corpus, pairs=13)
    assert "valid and test" in figures["reference"]
