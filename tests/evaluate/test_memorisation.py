"""A stage that was made to memorise is caught, and one that was not is not."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from musiclm.data.manifest import write_manifest
from musiclm.errors import UserError
from musiclm.evaluate.memorisation import by_heart, difference, memorisation, prompts, summary
from musiclm.evaluate.memorisation_pictures import draw
from musiclm.evaluate.recital import (
    WRITTEN,
    Example,
    Recital,
    Threshold,
    calibrate,
    entropy,
    recite,
)
from musiclm.evaluate.report import markdown
from musiclm.lm.decoder import DecoderConfig
from musiclm.lm.model import LMConfig, StageModel
from musiclm.lm.stages import SEMANTIC

FRAMES, KNOWN = 200, 6
LENGTHS = [0.0, 1.0, 3.0]  # seconds


def example(number: int) -> Example:
    """Tokens as music has them: some notes held, some returning, and a few of its own."""
    generator = torch.Generator().manual_seed(number)
    notes = torch.randint(1024, (12,), generator=generator)
    tune = notes[torch.randint(12, (50,), generator=generator)].repeat_interleave(4)
    mulan = torch.randint(1024, (12,), generator=generator)
    return Example(f"{number}", f"work {number}", number < KNOWN, mulan, tune)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [example(number) for number in range(2 * KNOWN)]


@pytest.fixture(scope="module")
def centroids() -> torch.Tensor:
    return torch.randn(1024, 16, generator=torch.Generator().manual_seed(0))


def untrained() -> StageModel:
    torch.manual_seed(0)
    decoder = DecoderConfig(
        dim=64, layers=2, heads=2, hidden=128, dropout=0.0, positions="rotary", embed_dim=16
    )
    return StageModel(LMConfig(replace(SEMANTIC, seconds=8.0), decoder)).eval()


@pytest.fixture(scope="module")
def reciter(examples: list[Example]) -> StageModel:
    """A stage that has met nothing but six examples, again and again."""
    model = untrained()
    streams = {
        "mulan": torch.stack([one.mulan for one in examples[:KNOWN]]),
        "semantic": torch.stack([one.semantic for one in examples[:KNOWN]]),
    }
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(400):
        loss = model.loss(streams)["level_1"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    return model.requires_grad_(False)


def shares(figures: dict, what: str) -> dict[str, float]:
    line = next(line for line in figures["tables"][0]["rows"] if line["what"] == what)
    return {name: cell["value"] for name, cell in line.items() if name != "what"}


def judged(model: StageModel, examples: list[Example], centroids: torch.Tensor) -> dict:
    recitals = recite(model, centroids, examples, LENGTHS)
    return summary(recitals, calibrate(recitals, centroids, strangers=300))


def test_a_stage_that_memorised_is_caught(reciter, examples, centroids):
    figures = judged(reciter, examples, centroids)
    for seconds in ("0", "1", "3"):
        own = shares(figures, f"{seconds} s, trained on")
        other = shares(figures, f"{seconds} s, held out")
        assert own["exact"] > 0.8 and own["approximate"] > 0.8 and own["same_tokens"] > 0.9
        assert other["exact"] == 0.0 and other["approximate"] < 0.4
        assert own["cost"] < 0.2 * other["cost"]
    beyond = figures["tables"][1]["rows"][0]
    assert beyond["exact"]["low"] > 0.4
    named = figures["tables"][-1]["rows"]
    assert sum(line["exact"] == "yes" and line["set"] == "trained on" for line in named) >= 5


def test_an_untrained_stage_is_not(examples, centroids):
    figures = judged(untrained(), examples, centroids)
    for line in figures["tables"][0]["rows"]:
        assert line["exact"]["value"] == 0.0 and line["same_tokens"]["value"] < 0.1
    for line in figures["tables"][1]["rows"]:
        assert line["approximate"]["low"] <= 0.0 <= line["approximate"]["high"]


def test_what_is_known_by_heart_shows_token_by_token(reciter, examples):
    own, other, apart = by_heart(reciter, examples)
    assert own["likeliest_is_right"]["value"] > 0.95 > 0.9 > other["likeliest_is_right"]["value"]
    assert own["nats_a_token"]["value"] < 0.1 and apart["nats_a_token"]["high"] < -1.0
    _, _, none = by_heart(untrained(), examples)
    assert none["nats_a_token"]["low"] < 0.0 < none["nats_a_token"]["high"]


def test_examples_of_unequal_length_count_only_their_own_tokens(reciter, examples):
    short = [replace(one, semantic=one.semantic[:50]) for one in examples[:KNOWN]]
    mixed = by_heart(reciter, [*examples[:3], *short[3:]])[0]
    whole, half = (by_heart(reciter, part)[0] for part in (examples[:3], short[3:KNOWN]))
    assert mixed["nats_a_token"]["value"] == pytest.approx(
        (whole["nats_a_token"]["value"] + half["nats_a_token"]["value"]) / 2, rel=1e-4
    )


def test_prompts_longer_than_the_window_are_written_in_windows_that_slide(examples, centroids):
    model = untrained()
    model = StageModel(replace(model.config, stage=replace(model.config.stage, seconds=2.0))).eval()
    found = recite(model, centroids, examples, [0.0, 3.0])
    assert all(one.written.shape == (2 * KNOWN, WRITTEN) for one in found)
    assert torch.equal(found[1].target[0], examples[0].semantic[75:200])


def test_examples_too_short_for_a_prompt_are_not_asked(examples, centroids):
    cut = [replace(one, semantic=one.semantic[:130]) for one in examples[:4]]
    found = recite(untrained(), centroids, [*cut, *examples[4:]], [0.0, 3.0])
    assert [len(one.examples) for one in found] == [12, 8]


def test_the_batch_does_not_matter(reciter, examples, centroids):
    one, other = (recite(reciter, centroids, examples, [1.0], batch=b)[0] for b in (5, 50))
    assert (one.written == other.written).double().mean() > 0.95  # up to rounding


def made(costs: list[float], count: int = 1) -> Recital:
    ids = torch.arange(125).repeat(len(costs), 1)
    people = tuple(replace(example(i % 12), name=str(i)) for i in range(len(costs)))
    return Recital(float(count), people, ids, ids + 1, torch.tensor(costs))


def test_the_threshold_lets_fewer_than_one_in_a_hundred_strangers_match():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(20, (60, 125), generator=generator)
    people = tuple(replace(example(0), work=str(i)) for i in range(60))
    target = torch.randint(20, (60, 125), generator=generator)
    one = Recital(0.0, people, ids, target, torch.zeros(60))
    threshold = calibrate([one], torch.randn(20, 8, generator=generator), strangers=800)
    assert len(threshold.strangers) == 800
    assert 0.005 < threshold.alarms.value < 0.01
    assert (threshold.strangers > threshold.strict).all()


def test_examples_of_one_work_are_no_strangers():
    ids = torch.randint(1024, (6, 125), generator=torch.Generator().manual_seed(0))
    centroids = torch.randn(1024, 8, generator=torch.Generator().manual_seed(1))
    # Two works; the examples of a work are the same, and would make the threshold 0.
    people = tuple(replace(example(0), work="ab"[i // 3]) for i in range(6))
    ids = ids[[0, 0, 0, 1, 1, 1]]
    threshold = calibrate([Recital(0.0, people, ids, ids, torch.zeros(6))], centroids)
    assert threshold.strict > 0.1
    alone = tuple(replace(one, work="a") for one in people)
    with pytest.raises(UserError, match="one work"):
        calibrate([Recital(0.0, alone, ids, ids, torch.zeros(6))], centroids)


def test_a_match_must_stay_below_the_threshold():
    threshold = Threshold(1.0, 0.5, np.linspace(0.6, 9.0, 100))
    figures = summary([made([0.4, 0.9, 1.1, 5.0, 0.0, 2.0, 3.0, 3.0])], threshold)
    own = shares(figures, "1 s, trained on")
    assert own["approximate"] == pytest.approx(3 / 6)
    assert own["closer_than_any_stranger"] == pytest.approx(2 / 6)
    assert "1 in 100" in " ".join(figures["notes"])


def test_entropy_is_that_of_the_histogram():
    ids = torch.tensor([[7] * 125, [1, 2] * 62 + [1]])
    stuck, two = entropy(ids)
    assert stuck == 0.0 and two == pytest.approx(1.0, abs=1e-3)


def test_lengths_of_prompts_fit_the_examples():
    assert prompts([10.0, 10.0], [0, 2.5, 8]) == [0.0, 2.5]
    assert prompts([60.0, 10.0], None) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(UserError, match="1 s at most"):
        prompts([6.0, 6.0], [2.0])


def test_a_difference_of_shares_has_its_interval():
    found = difference(np.array([1.0] * 30 + [0.0] * 70), np.array([1.0] * 30 + [0.0] * 70))
    assert found.low < 0.0 == found.value < found.high and found.n == 200
    # About 1.96 sqrt(2 * 0.21 / 100).
    assert found.high - found.low == pytest.approx(0.254, rel=0.2)
    none = difference(np.zeros(100), np.zeros(100))
    assert -0.05 < none.low < 0.0 < none.high < 0.05


def test_the_whole_report(tiny, corpus, tmp_path):
    seen: list[str] = []
    count: Callable = lambda what, done, total: seen.append(what)  # noqa: E731
    path = tmp_path / "memorization.json"
    figures = memorisation(
        tiny, corpus, n=6, seconds=[0.0, 4.0], strangers=40, pictures=path, progress=count
    )
    rows = figures["tables"][0]["rows"]
    assert [line["what"] for line in rows] == [
        f"{seconds} s, {name}" for seconds in "04" for name in ("trained on", "held out")
    ]
    assert all(line["exact"]["n"] == 6 for line in rows)
    assert {"tokens", "written", "strangers"} <= set(seen)
    assert figures["pictures"] == [
        {"title": figures["pictures"][0]["title"], "file": "memorization.png"}
    ]
    assert (tmp_path / "memorization.png").stat().st_size > 5000
    assert "trained on: 6 train clips" in figures["reference"]
    json.dumps(figures, allow_nan=False)
    assert "| 4 s, held out |" in markdown(figures)


def test_bad_input_gets_a_clear_line(tiny, corpus, tmp_path):
    with pytest.raises(UserError, match="between 0 and 10"):
        memorisation(tiny, corpus, seconds=[11.0])
    with pytest.raises(UserError, match="two training examples"):
        memorisation(tiny, [clip for clip in corpus if clip.split == "test"])
    with pytest.raises(UserError, match="two training examples"):
        memorisation(tiny, [replace(clip, seconds=4.0) for clip in corpus])


def test_without_held_out_examples_there_is_still_a_curve(tiny, corpus, tmp_path):
    learned = [clip for clip in corpus if clip.split == "train"][:4]
    figures = memorisation(
        tiny, learned, seconds=[1], strangers=20, pictures=tmp_path / "memorization.json"
    )
    assert [line["what"] for line in figures["tables"][0]["rows"]] == ["1 s, trained on"]
    assert "held out: none" in figures["reference"]


def test_the_picture_needs_no_held_out_examples(tmp_path):
    threshold = Threshold(1.0, 0.5, np.linspace(0.6, 9.0, 100))
    recitals = [made([0.4, 2.0, 1.1], 1)]
    figures = summary(recitals, threshold)
    assert draw(figures, recitals, threshold, tmp_path / "a.json")["pictures"]


def test_the_command(tiny_folder, corpus, tmp_path):
    from typer.testing import CliRunner

    import musiclm.cli.memorization  # noqa: F401 - adds the verb
    from musiclm.cli.app import app

    manifest, output = tmp_path / "manifest.jsonl", tmp_path / "out.json"
    write_manifest(manifest, corpus)
    words = ["evaluate", "memorization", "--data", str(manifest), "--model", str(tiny_folder)]
    words += ["--number", "4", "--seconds", "0,2", "--quiet", "-o", str(output)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert json.loads(output.read_text())["claim"] == "memorisation"
    assert output.with_suffix(".md").exists() and output.with_suffix(".png").exists()
    bad = CliRunner().invoke(app, [*words[:6], "--seconds", "soon"])
    assert isinstance(bad.exception, UserError) and "soon" in str(bad.exception)
