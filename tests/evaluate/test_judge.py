"""The judge learns, survives its file and hears through damage."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from musiclm.errors import UserError
from musiclm.evaluate.damage import disturb, vocode
from musiclm.evaluate.judge import Judge, JudgeConfig, autocorrelation, load_judge
from musiclm.evaluate.judge_fit import FitConfig, fit, hits, judged
from musiclm.nn.spectrogram import LogMel

SMALL = JudgeConfig(channels=(4, 8, 8), width=16, curves=4, dropout=0.0)
SHORT = FitConfig(passes=30, batch=9, learning_rate=1e-2, vocoded=0.0)


@pytest.fixture(scope="module")
def judge(corpus) -> Judge:
    return fit(corpus, config=SMALL, how=SHORT)


def test_a_judge_learns_to_tell_clicks_from_tones_and_slow_from_fast(judge, corpus):
    right = hits(judge, [clip for clip in corpus if clip.split == "test"])
    assert right["drums"].mean() >= 0.9
    assert right["tempo"].mean() >= 0.7  # a third is chance
    assert len(right["family"]) == 6  # only the solos are asked for a family


def test_the_same_seed_fits_the_same_judge(corpus):
    brief = FitConfig(passes=2, batch=3)
    one, two = (fit(corpus[:6], config=SMALL, how=brief, seed=3) for _ in range(2))
    for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_loudness_does_not_change_an_opinion(judge, corpus):
    wave = torch.randn(1, 1, 48_000, generator=torch.Generator().manual_seed(0))
    loud, quiet = judge(0.5 * wave), judge(0.05 * wave)
    assert torch.allclose(loud.tempo, quiet.tempo, atol=1e-3)
    assert torch.allclose(loud.drums, quiet.drums, atol=1e-3)


def test_a_judge_comes_back_from_its_file(judge, tmp_path):
    judge.save(tmp_path / "judge.safetensors")
    back = load_judge(tmp_path / "judge.safetensors")
    wave = torch.randn(2, 1, 48_000, generator=torch.Generator().manual_seed(0))
    assert back.judge(wave) == judge.judge(wave)
    assert back.config == replace(SMALL, styles=("march", "waltz"))  # those of its corpus


def test_a_file_that_is_no_judge_is_refused(tmp_path):
    from musiclm.checkpoint import save_tensors

    save_tensors(tmp_path / "x.safetensors", {"w": torch.zeros(1)})
    with pytest.raises(UserError, match="not a judge"):
        load_judge(tmp_path / "x.safetensors")


def test_the_default_judge_is_small():
    numel = sum(tensor.numel() for tensor in Judge(JudgeConfig()).state_dict().values())
    assert 2 * numel < 1.5e6  # bytes, in float16


def test_autocorrelation_peaks_at_the_period():
    curve = torch.zeros(1, 1, 500)
    curve[..., ::25] = 1.0
    lags = autocorrelation(curve, 60)[0, 0]
    assert {int(i) + 1 for i in lags.topk(2).indices} == {25, 50}
    assert lags.max() <= 1.0


def test_damage_keeps_the_shape_and_the_music():
    generator = torch.Generator().manual_seed(0)
    time = np.arange(48_000) / 24_000
    wave = torch.from_numpy(np.sin(2 * np.pi * 440 * time).astype(np.float32))[None, None]
    made = vocode(wave, generator)
    assert made.shape == wave.shape and made.isfinite().all()
    log_mel = LogMel(24_000, 1024, 480, 64)
    before, after = log_mel(wave[:, 0]), log_mel(made[:, 0])
    assert abs(int(before.mean(1).argmax()) - int(after.mean(1).argmax())) <= 2
    worse = disturb(before, generator)
    assert worse.isfinite().all() and worse.shape[2] == 64 and not torch.equal(worse, before)


def test_the_table_has_every_set_and_chance(judge, corpus):
    figures = judged(judge, {"own works": corpus[36:]}, opus=False)
    names = [line["what"] for line in figures["tables"][0]["rows"]]
    assert names == ["own works", "chance"]


def test_two_clips_are_the_least(corpus):
    with pytest.raises(UserError, match="at least two"):
        fit(corpus[36:])
