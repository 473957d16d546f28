"""The codec's table: perfect where it must be, aligned Opus beside it."""

import numpy as np
import pytest
import torch

from musiclm.codec.losses import log_mel_distance, si_snr
from musiclm.evaluate import codec as claim
from musiclm.evaluate import opus
from musiclm.evaluate.codec import codec, use


def wave_of(clip) -> np.ndarray:
    from musiclm.audio import read

    return read(clip.path).samples


def test_the_sound_itself_has_a_perfect_score(corpus):
    wave = torch.from_numpy(wave_of(corpus[0]))[None, None]
    scores = claim._nothing()
    claim._compare(scores, wave, wave.clone())
    assert scores["log_mel"] == [0.0]
    assert scores["si_snr"][0] > 40.0


@pytest.mark.parametrize("shift", [-400, -1, 0, 7, 312])
def test_a_shift_is_found_and_undone(corpus, shift):
    wave = wave_of(corpus[3])
    late = np.concatenate([np.zeros(shift, np.float32), wave]) if shift >= 0 else wave[-shift:]
    assert opus.lag(wave, late) == shift
    back = opus.align(wave, late)
    assert len(back) == len(wave)
    inside = slice(500, len(wave) - 500)
    assert np.array_equal(back[inside], wave[inside])


def test_silence_is_not_shifted():
    assert opus.lag(np.zeros(9000, np.float32), np.zeros(9000, np.float32)) == 0


@pytest.mark.skipif(opus.encoder() is None, reason="no Opus encoder here")
def test_opus_is_aligned_and_better_with_more_bits(corpus):
    wave = wave_of(corpus[0])
    real = torch.from_numpy(wave)[None, None]
    scores = {}
    for kbps in (6, 24):
        back, used = opus.round_trip(wave, kbps)
        assert len(back) == len(wave)
        assert 0.3 * kbps < used < 2.0 * kbps
        assert opus.lag(wave, back) == 0
        fake = torch.from_numpy(back)[None, None]
        scores[kbps] = float(log_mel_distance(real, fake)), float(si_snr(real, fake))
    assert scores[24][0] < scores[6][0]
    assert scores[24][1] > scores[6][1] + 1.0
    assert scores[24][1] > 3.0  # a codec that is out of step has a ratio below zero


def test_the_table_has_every_bit_rate_opus_and_chance(tiny, corpus):
    figures = codec(tiny.tokenizers.codec, corpus, n=2, batch=2)
    fidelity, books = figures["tables"]
    names = [line["what"] for line in fidelity["rows"]]
    assert [line["kbps"] for line in fidelity["rows"][:6]] == [0.5, 1.0, 2.0, 3.0, 4.0, 6.0]
    assert sum("Opus" in name for name in names) == 2 and "chance" in names[-1]
    opus_row = next(line for line in fidelity["rows"] if "Opus at 12" in line["what"])
    if opus.encoder():
        assert opus_row["log_mel_distance"]["n"] == 2
    assert len(books["rows"]) == 12
    assert all(0 < line["used"] <= 1 for line in books["rows"])


def test_without_an_encoder_the_rows_say_what_to_install(tiny, corpus, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    figures = codec(tiny.tokenizers.codec, corpus, n=1)
    rows = [line for line in figures["tables"][0]["rows"] if "Opus" in line["what"]]
    assert [line["log_mel_distance"] for line in rows] == [opus.MISSING] * 2


def test_use_counts_codes():
    used, perplexity = use(torch.arange(512).repeat(3), 1024)
    assert used == 0.5 and abs(perplexity - 512) < 1e-3
