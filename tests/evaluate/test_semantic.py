"""Probes find what is there and nothing else; what is generated anew is compared as it should."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musiclm.corpus.truth import Truth
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.frames import chord_class, facts_of
from musiclm.evaluate.layers import BASELINE, MUSICAL, draw, layers
from musiclm.evaluate.likeness import likeness
from musiclm.evaluate.probe import evidence, majority, probe, weigh
from musiclm.evaluate.probes import Tokens, frame_rows, frames_of, statistics, times_above
from musiclm.evaluate.regeneration import CODEC, OWN, SHUFFLED, regeneration
from musiclm.evaluate.semantic import semantic, unheard


def rows_and_answers(n: int = 300, width: int = 20, classes: int = 3):
    generator = torch.Generator().manual_seed(0)
    answers = torch.randint(classes, (n,), generator=generator)
    centres = torch.randn(classes, width, generator=generator)
    return centres[answers] + 1.5 * torch.randn(n, width, generator=generator), answers


def test_a_probe_finds_what_is_there():
    rows, answers = rows_and_answers()
    right = probe(rows[:200], answers[:200], rows[200:], answers[200:])
    assert right.float().mean() > majority(answers[:200], answers[200:]) + 0.3


def test_a_probe_finds_nothing_in_shuffled_answers():
    rows, answers = rows_and_answers()
    shuffled = answers[torch.randperm(len(answers), generator=torch.Generator().manual_seed(1))]
    right = probe(rows[:200], shuffled[:200], rows[200:], shuffled[200:])
    assert abs(float(right.float().mean()) - 1 / 3) < 0.17


def test_a_probe_survives_a_constant_feature():
    rows, answers = rows_and_answers()
    rows[:, 0] = 7.0
    right = probe(rows[:200], answers[:200], rows[200:], answers[200:])
    assert right.float().mean() > 0.6


def test_statistics_see_periods():
    four = torch.tensor([0, 1, 2, 3]).repeat(60)[None]
    five = torch.tensor([0, 1, 2, 3, 1]).repeat(48)[None]
    seen = statistics(torch.cat([four, five]), torch.eye(8))
    again = seen[:, 8:]  # after the histogram: how often the token k frames before was the same
    assert again[0, 3] == 1.0 and again[0, 2] == 0.0
    assert again[1, 4] == 1.0 and again[1, 3] < 0.5


def told(clips: int = 40, frames: int = 80) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of which the next one tells the answer: it is the token's half."""
    ids = torch.randint(12, (clips, frames), generator=torch.Generator().manual_seed(0))
    return ids, ids.roll(-1, dims=1) // 4


def test_evidence_is_found_where_it_lies():
    ids, answers = told()
    tables = evidence(ids, answers, (range(0, 1), range(1, 2)), 3)
    assert tables.shape == (2, 12, 3)
    assert tables[0].abs().max() < 0.5  # the token itself tells nothing
    assert torch.equal(tables[1].argmax(dim=1), torch.arange(12) // 4)
    assert tables[1].max() > 0.9


def test_evidence_ignores_frames_without_an_answer():
    ids, answers = told()
    ids[:, 1::2] = 12  # follows every other frame
    known = torch.where(torch.arange(80) % 2 == 1, answers, -1)
    assert evidence(ids, answers, (range(1, 2),), 3)[0, 12].abs().max() > 0.01
    assert evidence(ids, known, (range(1, 2),), 3)[0, 12].abs().max() < 1e-6


def test_weights_of_unknown_tokens_and_of_frames_outside_are_nothing():
    tables = torch.ones(1, 4, 3)
    ids = torch.tensor([[0, 1, 9, 3]])
    where = torch.tensor([[0, 0], [0, 2], [0, 3]])
    seen = weigh(tables, ids, (range(0, 2),), where)
    assert seen[:, 0].tolist() == [1.0, 0.5, 0.5]


def test_probes_of_frames_find_what_tokens_tell_and_no_more():
    ids, answers = told(120)
    noise = torch.randint(12, ids.shape, generator=torch.Generator().manual_seed(1))
    sides = {"ours": Tokens(ids, torch.eye(12)), "noise": Tokens(noise, torch.eye(12))}
    (line,) = frame_rows(sides, {"melody": answers}, learned=80)
    assert line["ours"]["value"] > 0.7
    assert abs(line["noise"]["value"] - line["chance"]) < 0.08
    assert line["ours"]["n"] == 40  # clips


def test_as_many_frames_with_as_without_are_asked_about():
    answers = torch.zeros(3, 50, dtype=torch.long)
    answers[:, ::10] = 1
    answers[2] = 0
    where = frames_of(answers, range(3), 24, True, torch.Generator().manual_seed(0))
    asked = answers[tuple(where.T)]
    assert len(asked) == 20 and asked.sum() == 10
    assert set(where[:, 0].tolist()) == {0, 1}


def test_times_above_chance_are_those_of_the_accuracies():
    usual, theirs = np.tile([1.0, 0.0, 0.0, 0.0], 50), np.tile([1.0, 1.0, 0.0, 0.0], 50)
    ours = np.tile([1.0, 1.0, 1.0, 0.0], 50)
    figure = times_above(ours, theirs, usual)
    assert figure.value == pytest.approx(2.0)
    assert 1.5 < figure.low < 2.0 < figure.high < 2.8
    assert times_above(theirs, theirs, usual).low == pytest.approx(1.0)
    assert times_above(ours, usual, usual) == "the baseline is at chance"


def test_facts_of_frames_are_those_of_the_truth():
    truth = Truth(
        melody=((1.0, 2.0, 60), (2.0, 3.0, 71)),
        beats=(0.0, 1.0, 2.0, 3.0),
        chords=((0.0, 2.0, "Am"), (2.0, 4.0, "Gsus4")),
    )
    facts = facts_of(truth, 100)
    assert facts["melody"][[0, 30, 60, 80]].tolist() == [-1, 0, 11, -1]
    assert facts["chord"][[0, 60]].tolist() == [chord_class("Am"), 24]
    assert facts["beat"][[25, 31, 37, 44, 48]].tolist() == [0, 1, 2, 3, 0]
    assert facts["onset"].nonzero()[0].tolist() == [25, 50]


def test_works_that_the_probes_learned_from_are_not_asked_about():
    learned = Clip("a", "a.wav", 10.0, "train", "sonata")
    known, new = (Clip(w, f"{w}.wav", 10.0, "test", w) for w in ("sonata", "waltz"))
    assert unheard([learned], [known, new]) == [new]
    with pytest.raises(UserError, match="works"):
        unheard([learned], [known])


@pytest.fixture
def composed(corpus, tmp_path) -> list[Clip]:
    """The corpus with the truth beside its clips."""
    clips = []
    for clip in corpus:
        path = tmp_path / Path(clip.path).name
        path.symlink_to(clip.path)
        beats = np.arange(0.0, 10.0, 60.0 / clip.labels["bpm"]).tolist()
        truth = {"melody": [[b, b + 0.2, 60] for b in beats], "beats": beats, "downbeats": []}
        truth |= {"chords": [], "sections": [], "labels": {}}
        path.with_suffix(".json").write_text(json.dumps(truth))
        clips.append(replace(clip, path=str(path)))
    return clips


def test_both_sides_are_probed_on_the_same_clips(tiny, composed):
    figures = semantic(tiny.tokenizers.semantic, composed, train=36, test=12)
    of_frames, probes, usage = figures["tables"]
    rows = {line["what"]: line for line in of_frames["rows"] + probes["rows"]}
    assert rows["drums"]["chance"] == 0.5
    for question in ("drums", "beat"):
        for name, cell in rows[question].items():
            if isinstance(cell, dict):
                assert cell["n"] == 12, name
    log_mel = next(name for name in rows["drums"] if "itself" in name)
    assert rows["drums"][log_mel]["value"] >= 0.75  # clicks are plain to see in log-mel
    assert rows["onset"][log_mel]["value"] >= 0.7
    assert len(usage["rows"]) == 2


def test_recordings_without_truth_are_probed_as_whole_clips(tiny, corpus):
    figures = semantic(tiny.tokenizers.semantic, corpus, train=36, test=12)
    assert [len(one["rows"]) for one in figures["tables"]] == [7, 2]


def test_every_layer_is_probed_in_every_alphabet(tiny, composed, tmp_path):
    model = tiny.tokenizers.semantic.model
    tables = layers(model, composed, train=36, test=12, sizes=(8, 16))
    beat = next(one for one in tables if one["title"].startswith("beat"))
    blocks = model.config.contrastive_layers + model.config.masked_layers
    assert len(beat["rows"]) == blocks + 3  # what the first hears, musical features, and log-mel
    assert {"what", "8", "16"} == set(beat["rows"][0])
    assert {BASELINE, MUSICAL} <= {line["what"] for line in beat["rows"]}
    draw(tables, tmp_path / "layers.png")
    assert (tmp_path / "layers.png").read_bytes()[:4] == b"\x89PNG"


def tune(steps: list[int], beat: int = 12_000) -> torch.Tensor:
    time = torch.arange(beat) / 24_000
    tones = [torch.sin(2 * torch.pi * 440 * 2 ** (s / 12) * time) for s in steps]
    return 0.3 * torch.cat([tone * torch.exp(-6 * time) for tone in tones])[None]


def test_likeness_follows_pitch_and_rhythm():
    one, other = tune([0, 4, 7, 9, 5, 2]), tune([1, 6, 3, 10, 8, 11])
    faster = tune([0, 0, 4, 4, 7, 7, 9, 9, 5, 5, 2, 2], 6_000)
    same, pitch, rhythm = (likeness(one, made) for made in (0.5 * one, other, faster))
    assert same["chroma_correlation"] > 0.95 and same["onset_correlation"] > 0.8
    assert pitch["chroma_correlation"] < 0.3 < 0.8 < pitch["onset_correlation"] + 0.1
    assert rhythm["chroma_correlation"] > 0.8
    assert rhythm["onset_correlation"] < same["onset_correlation"] - 0.1


def test_regeneration_has_its_floor_and_its_ceiling(tiny, corpus):
    figures = regeneration(tiny, corpus, n=3, seconds=2.0, batch=2)
    rows = {line["what"]: line for line in figures["tables"][0]["rows"]}
    assert list(rows)[:3] == [CODEC, OWN, SHUFFLED]
    for name in (OWN, SHUFFLED):
        assert rows[name]["chroma_correlation"]["n"] == 3
        assert 0.0 <= rows[name]["same_tokens"]["value"] <= 1.0
    again = regeneration(tiny, corpus, n=3, seconds=2.0, batch=2)
    assert again["tables"] == figures["tables"]  # the same seed is the same music
