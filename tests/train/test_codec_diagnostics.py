"""A codec in training says what goes wrong, stops critics that run away, and repeats itself."""

import json
import math

import pytest
import torch

from musiclm.audio import SAMPLE_RATE
from musiclm.codec.losses import band_edges
from musiclm.errors import UserError
from musiclm.nn.quantize import ResidualVQ
from musiclm.train.balance import Balancer
from musiclm.train.codec import CodecTask, CodecTaskConfig
from musiclm.train.diagnosis import diagnose
from musiclm.train.diagnostics import (
    Tally,
    band_errors,
    directions,
    draw,
    entropy_bits,
    gradient_norms,
    shares,
    still_distance,
    win_rate,
)
from musiclm.train.loop import train
from musiclm.train.referee import OFF, FallbackConfig, Referee
from musiclm.train.run import Run

# Of a codec that learns well; what is not said here is not judged.
HEALTHY = {
    "usage": [0.95, 0.97, 0.96],
    "entropy": [7.1, 7.4, 7.5],
    "tokens": 1600,
    "codes": 256,
    "revived": [3.0, 2.0, 2.0],
    "steps": 20,
    "directions": 17,
    "dimension": 32,
    "log_mel_4_levels": 0.66,
    "log_mel_12_levels": 0.65,
    "log_mel_still": 0.95,
    "band_bias": [0.05, -0.1, 0.1, 0.0, -0.1, -0.15, -0.2, -0.3],
    "critics.win_rate": 0.75,
    "critics.mode": 0.0,
    "share.mel": 0.3,
    "share.log_mel": 0.3,
    "share.adversarial": 0.1,
    "share.features": 0.3,
    "model.encoder.grad_norm": 0.5,
    "model.decoder.grad_norm": 1.0,
    "model.grad_norm": 1.2,
    "clip_norm": 1.0,
}
SICK = {
    "level 2 uses 3 % of its codes, too few:": {"usage": [0.95, 0.03, 0.96]},
    "level 3 uses 10 % of its codes, too few (as do 1 other levels)": {"usage": [0.9, 0.2, 0.1]},
    "level 1 carries 2.0 of 8.0 bits, too few:": {"entropy": [2.0, 7.4, 7.5]},
    "level 3 replaces 10 % of its codes at every step": {"revived": [3.0, 2.0, 512.0]},
    "the latents use 4 of 32 directions": {"directions": 4},
    "levels 5 to 12 add nothing: the distance is 0.660": {"log_mel_12_levels": 0.66},
    "1.300, is about what a drone scores": {"log_mel_4_levels": 1.4, "log_mel_12_levels": 1.3},
    "0.80 nepers too soft above 5.5 kHz": {"band_bias": [0, 0, 0, 0, 0, 0, -0.7, -0.9]},
    "0.65 nepers too loud below 331 Hz": {"band_bias": [0.65, 0, 0, 0, 0, 0, 0, -0.45]},
    "1.00 nepers too soft everywhere": {"band_bias": [-1.0] * 8},
    "the critics win 99 % of their calls": {"critics.win_rate": 0.99},
    "the critics' terms are 95 % of the gradient": {"share.adversarial": 0.65},
    "the critics are paused": {"critics.mode": 1.0},
    "the critics are switched off": {"critics.mode": 2.0},
    "the encoder's gradient is 1.0e-05": {"model.encoder.grad_norm": 1e-5},
    "gradients are 400 times what `clip_norm` lets through": {"model.grad_norm": 400.0},
}


# Of docs/codec-training.md: runs that were broken on purpose, at step 100.
STILL = {"log_mel_still": 0.872, "tokens": 1600, "codes": 256}
MEASURED = {
    "healthy": {
        "usage": [0.63, 0.86, 0.88, 0.88, 0.91, 0.89, 0.90, 0.87],
        "entropy": [6.43, 7.29, 7.37, 7.40, 7.56, 7.48, 7.51, 7.43],
        "revived": [30, 14, 15, 27, 21, 28, 26, 39],
        "steps": 20,
        "directions": 18,
        "dimension": 32,
        "log_mel_4_levels": 0.7218,
        "log_mel_8_levels": 0.7184,
        "band_bias": [0.04, 0.23, 0.36, 0.03, 0.02, -0.07, -0.01, -0.11],
    },
    "collapsed": {
        "usage": [0.67, 0.61, 0.68, 0.59, 0.34, 0.32, 0.32, 0.46],
        "entropy": [6.74, 6.67, 6.71, 6.08, 5.26, 4.88, 5.28, 5.56],
        "directions": 12,
        "dimension": 256,
        "log_mel_4_levels": 0.7487,
        "log_mel_8_levels": 0.7463,
    },
    "lr20": {
        "usage": [0.46, 0.66, 0.66, 0.66, 0.65, 0.61, 0.62, 0.61],
        "entropy": [5.90, 6.03, 6.41, 6.68, 6.62, 6.71, 6.69, 6.66],
        "directions": 8,
        "dimension": 32,
        "log_mel_4_levels": 0.8542,
        "log_mel_8_levels": 0.8539,
    },
}


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("healthy", []),
        ("collapsed", ["12 of 256 directions", "level 6 uses 32 %"]),
        (
            "lr20",
            ["a drone", "8 of 32 directions", "level 1 uses 46 %", "levels 5 to 8 add nothing"],
        ),
    ],
)
def test_real_runs_are_told_apart(run, said):
    warnings = diagnose(STILL | MEASURED[run])
    assert len(warnings) == len(said)
    for words, sentence in zip(said, warnings, strict=True):
        assert words in sentence


def noise(seconds: float = 0.5) -> torch.Tensor:
    samples = round(seconds * SAMPLE_RATE)
    return 0.1 * torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(0))


def test_a_healthy_run_has_no_warnings():
    assert diagnose(HEALTHY) == []
    assert diagnose({}) == []


@pytest.mark.parametrize("sentence", SICK)
def test_each_sick_condition_has_its_own_warning(sentence):
    warnings = diagnose(HEALTHY | SICK[sentence])
    assert len(warnings) == 1
    assert sentence in warnings[0]


def test_codes_are_counted_by_level():
    tally = Tally(levels=2, size=4)
    tally.add(torch.tensor([[[0, 3], [1, 3]]]), torch.tensor([1, 0]))
    tally.add(torch.tensor([[[2, 3], [3, 3]]]), torch.tensor([2, 5]))
    figures = {name: figure.tolist() for name, figure in tally.read().items()}
    assert figures["usage"] == [1.0, 0.25]
    assert figures["entropy"] == [2.0, 0.0]
    assert figures["revived"] == [3, 5]
    assert (figures["tokens"], figures["codes"], figures["steps"]) == (4, 4, 2)
    assert tally.read()["tokens"] == 0


def test_entropy_of_uneven_use():
    wanted = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert entropy_bits(torch.tensor([[3, 1]])).item() == pytest.approx(wanted)


def test_dead_codes_are_counted_when_they_revive():
    quantiser = ResidualVQ(dim=4, levels=2, size=8, decay=1.0).train()
    quantiser.started.fill_(True)
    quantiser.counts[0] = torch.tensor([100.0, 100, 0, 0, 0, 0, 0, 0])  # a dead one is below 2
    quantiser.counts[1] = torch.full((8,), 25.0)
    quantiser(torch.randn(1, 10, 4), torch.Generator().manual_seed(0))
    assert quantiser.revived.tolist() == [6, 0]
    assert "revived" not in quantiser.state_dict()  # released weights stay as they were


def test_win_rate_counts_what_is_on_the_right_side_of_zero():
    real = [torch.tensor([1.0, 1.0, -1.0, 1.0]), torch.tensor([2.0])]
    fake = [torch.tensor([-1.0, 1.0, 1.0, 1.0]), torch.tensor([-2.0])]
    assert float(win_rate(real, fake)) == pytest.approx(((0.75 + 0.25) / 2 + 1.0) / 2)
    assert float(win_rate([torch.zeros(3)], [torch.zeros(3)])) == 0.0  # no opinion, no win


def test_gradient_shares_sum_to_one_and_follow_the_weights():
    wave = torch.randn(2, 1, 100, requires_grad=True)
    beside = torch.ones(3, requires_grad=True)
    terms = {"mel": wave.sum(), "log_mel": 4 * wave.sum(), "commitment": beside.sum()}
    norms = gradient_norms(terms, {"mel": 2.0, "log_mel": 1.5, "commitment": 9.0}, wave)
    figures = shares(norms)
    assert {name: round(float(f), 4) for name, f in figures.items()} == {
        "share.mel": 0.25,
        "share.log_mel": 0.75,
    }
    assert wave.grad is None
    sum(terms.values()).backward()  # measuring leaves the graph as it was


def test_the_balancer_keeps_values_and_sets_shares():
    torch.manual_seed(0)
    wave = torch.randn(1, 1, 50, requires_grad=True)
    weights = {"mel": 10.0, "log_mel": 1.0, "features": 0.14, "commitment": 1.0}
    balancer = Balancer({"mel": 1.0, "features": 3.0}, weights)
    one, two = torch.randn(2, 1, 1, 50).unbind(0)
    terms = {"mel": (wave * one).sum(), "features": 1000 * (wave * two).sum()}
    terms["commitment"] = torch.ones((), requires_grad=True) * 2
    balanced = balancer(terms, wave)
    for name in terms:
        assert balanced[name].item() == pytest.approx(terms[name].item())
    norms = gradient_norms(balanced, weights, wave)
    assert norms["features"] / norms["mel"] == pytest.approx(3.0)
    # Together they push as hard as the reconstruction did alone.
    assert float(norms["features"] + norms["mel"]) == pytest.approx(10.0 * float(one.norm()))
    assert balanced["commitment"] is terms["commitment"]
    again = Balancer({"mel": 1.0, "features": 3.0}, weights)
    again.load_state_dict(balancer.state_dict())
    louder = {name: 2 * term for name, term in terms.items()}
    first, second = (b(louder, wave)["features"] for b in (balancer, again))
    assert torch.equal(*(torch.autograd.grad(f, wave)[0] for f in (first, second)))


def test_directions_of_a_plane():
    generator = torch.Generator().manual_seed(0)
    plane = torch.randn(2, 8, generator=generator)
    vectors = torch.randn(4, 50, 2, generator=generator) @ plane + 3.0
    assert directions(vectors) == 2
    assert directions(torch.randn(4, 500, 8, generator=generator)) == 8
    assert directions(torch.ones(1, 5, 8)) == 0


def test_errors_of_bands():
    real = noise()
    soft = band_errors(real, 0.5 * real)
    assert soft["band_bias"] == pytest.approx([-math.log(2)] * 8, abs=1e-3)
    assert soft["band_error"] == pytest.approx([math.log(2)] * 8, abs=1e-3)
    spectrum = torch.fft.rfft(real)
    edge = next(hz for hz in band_edges() if hz > 6000)
    spectrum[..., int(edge / (SAMPLE_RATE / 2) * spectrum.shape[-1]) :] *= 0.2
    dull = band_errors(real, torch.fft.irfft(spectrum, n=real.shape[-1]))["band_bias"]
    above = band_edges().index(edge)
    assert max(dull[above:]) < -1.0
    assert max(abs(bias) for bias in dull[: above - 1]) < 0.1


def test_a_still_sound_is_its_own_mean_spectrum():
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    changing = noise(1.0) * (time > 0.5)
    assert still_distance(noise(1.0)) < 0.5 * still_distance(changing)


def test_a_picture_is_written_whole(tmp_path):
    wave = noise()[0, 0]
    path = draw(tmp_path / "a.png", wave, 0.5 * wave, "a clip")
    assert path is not None
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def referee(**changes) -> Referee:
    return Referee(FallbackConfig(**({"check_every": 2, "patience": 2} | changes)), start=2)


def play(judge: Referee, wins: list[float], losses: list[float]) -> list[int]:
    """The mode in each step."""
    modes = []
    for step, (win, loss) in enumerate(zip(wins, losses, strict=True)):
        judge.decide(step)
        modes.append(int(judge.mode))
        judge.note(torch.tensor(loss), torch.tensor(win) if step >= judge.start else None)
    return modes


def test_critics_that_always_win_pause_until_the_codec_has_caught_up():
    wins = [1.0] * 8 + [0.5] * 4
    assert play(referee(), wins, [1.0] * 12) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0]
    assert play(referee(), [0.9] * 12, [1.0] * 12) == [0] * 12
    assert play(referee(check_every=0), wins, [1.0] * 12) == [0] * 12


def test_critics_go_for_good_when_the_reconstruction_gets_worse():
    losses = [9.0] * 2 + [1.0] * 2 + [2.0] * 4 + [1.0] * 4
    judge = referee()
    judge.config = FallbackConfig(check_every=2, patience=2)
    assert play(judge, [0.7] * 12, losses) == [0] * 12  # better than when they entered
    losses = [1.0] * 4 + [1.2] * 4 + [1.5] * 4 + [1.0] * 4
    assert play(referee(), [0.7] * 16, losses) == [0] * 12 + [2] * 4


def test_a_fallback_that_cannot_be_is_refused():
    with pytest.raises(UserError, match="recovered"):
        FallbackConfig(recovered=0.99)
    with pytest.raises(UserError, match="no share for 'commitment'"):
        CodecTaskConfig(shares={"mel": 1.0, "commitment": 1.0})
    with pytest.raises(UserError, match="shares need one of"):
        CodecTaskConfig(shares={"features": 1.0})


def rows(folder) -> list[dict]:
    clock = {"elapsed", "audio_seconds_per_second"}
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in clock} for line in lines]


def assert_same(one, two) -> None:
    if isinstance(one, dict):
        assert one.keys() == two.keys()
    if isinstance(one, dict | list):
        for key in one if isinstance(one, dict) else range(len(one)):
            assert_same(one[key], two[key])
    else:
        assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def test_a_run_resumed_across_a_fallback_is_the_run_itself(
    clips, tmp_path, settings, codec, disturb
):
    config = settings(steps=8, validate_every=8)
    # Anything is a win, so that the critics pause at the second check: in step 6.
    fallback = FallbackConfig(check_every=2, patience=2, win_rate=0.0, recovered=0.0)

    def task() -> CodecTask:
        own = CodecTaskConfig(
            2, critics=codec(clips, config, 2).task_config.critics, fallback=fallback,
            shares={"mel": 1.0, "log_mel": 2.0, "adversarial": 1.0, "features": 1.0},
        )  # fmt: skip
        torch.manual_seed(0)
        return CodecTask(codec(clips, config).model.config, config, clips, own)

    train(task(), config, tmp_path / "whole", quiet=True)
    half = train(disturb(task(), 4, "signal"), config, tmp_path / "parts", quiet=True)
    assert half.step == 5
    train(task(), config, tmp_path / "parts", resume=True, quiet=True)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert_same(*(Run(tmp_path / name).load()[0] for name in ("whole", "parts")))

    *steps, valid = rows(tmp_path / "whole")
    assert [row["critics.mode"] for row in steps] == [0] * 6 + [1] * 2
    assert ["critics" in row for row in steps] == [False] * 2 + [True] * 4 + [False] * 2
    assert ["adversarial" in row for row in steps] == [False] * 2 + [True] * 6
    assert any("paused" in sentence for sentence in valid["warnings"])
    assert len(valid["details"]["band_bias"]) == 8
    assert len(steps[0]["usage"]) == 3
    for row in steps:
        assert sum(v for k, v in row.items() if k.startswith("share.")) == pytest.approx(1.0)


def test_a_codec_without_critics_any_more_is_trained_on_the_reconstruction(clips, settings, codec):
    task = codec(clips, settings(), 0)
    task.referee.mode.fill_(OFF)
    named = dict(task.losses(task.batch(0), 0, torch.Generator().manual_seed(0)))
    assert "critics" not in named
    assert {"adversarial", "features"}.isdisjoint(named["model"])
    assert {"mel", "log_mel"} <= named["model"].keys()
    assert named["logged"]["critics.mode"] == OFF
