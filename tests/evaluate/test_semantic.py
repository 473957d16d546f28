"""Probes find what is there and nothing else."""

import torch

from musiclm.evaluate.probe import majority, probe
from musiclm.evaluate.semantic import semantic, statistics


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


def test_both_sides_are_probed_on_the_same_clips(tiny, corpus):
    figures = semantic(tiny.tokenizers.semantic, corpus, train=36, test=12)
    probes, usage = figures["tables"]
    rows = {line["what"]: line for line in probes["rows"]}
    assert rows["drums"]["chance"] == 0.5
    for name, cell in rows["drums"].items():
        if isinstance(cell, dict):
            assert cell["n"] == 12, name
    log_mel = next(name for name in rows["drums"] if "itself" in name)
    assert rows["drums"][log_mel]["value"] >= 0.75  # clicks are plain to see in log-mel
    assert len(usage["rows"]) == 2
