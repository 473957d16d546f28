"""The codec's table: perfect where it must be, aligned Opus beside it."""

import itertools

import numpy as np
import pytest
import torch

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.codec.losses import log_mel_distance, si_snr
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate import bands, opus
from musiclm.evaluate.codec import codec, use
from musiclm.evaluate.judge import load_judge
from musiclm.evaluate.report import save
from musiclm.evaluate.scores import Scores
from musiclm.evaluate.sound import load, origin, whole


def wave_of(clip) -> np.ndarray:
    from musiclm.audio import read

    return read(clip.path).samples


def test_the_sound_itself_has_a_perfect_score(corpus):
    wave = torch.from_numpy(wave_of(corpus[0]))[None, None]
    scores = Scores()
    scores.add(wave, wave.clone(), load_judge())
    assert scores.log_mel == [0.0]
    assert scores.si_snr[0] > 40.0
    assert scores.absolute == scores.bias == [[0.0] * bands.BANDS]
    kept = ("peak_within_30_cents", "chroma_correlation", "onset_correlation")
    assert [scores.figures[name][0] for name in kept] == pytest.approx([1.0, 1.0, 1.0], abs=1e-5)
    assert scores.figures["mel_distance_DAC"] == scores.figures["STFT_distance_DAC"] == [0.0]


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


needs_opus = pytest.mark.skipif(opus.encoder() is None, reason="no Opus encoder here")


@needs_opus
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


@needs_opus
def test_a_constant_rate_is_the_rate_asked_for(corpus):
    wave = wave_of(corpus[3])
    for kbps in (6, 12):
        _, held = opus.round_trip(wave, kbps, constant=True)
        assert held == pytest.approx(kbps, rel=0.01)
    _, free = opus.round_trip(wave, 12)
    assert abs(free - 12) > 2 * abs(held - 12)


@pytest.fixture(scope="module")
def figures(tiny, corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "codec.json"
    made = codec(tiny.tokenizers.codec, corpus, n=4, batch=2, pictures=path, resamples=20)
    save(made, path)
    return made, path


def test_the_table_has_every_bit_rate_opus_floor_chance_and_ceiling(figures):
    fidelity, against, bias, absolute, books = figures[0]["tables"]
    rows = {line["what"]: line for line in fidelity["rows"]}
    names = list(rows)
    assert [line["kbps"] for line in fidelity["rows"][1:8]] == [0.5, 1, 2, 3, 4, 5, 6]
    assert sum("Opus" in name for name in names) == 4
    assert "ceiling" in names[0] and "floor" in names[-2] and "chance" in names[-1]
    best = fidelity["rows"][0]
    assert best["log_mel_distance"]["value"] == best["frechet_distance"]["value"] == 0.0
    for line in fidelity["rows"][1:-1]:
        if "Opus" in line["what"] and not opus.encoder():
            assert "frechet_distance" not in line
            continue
        far = line["frechet_distance"]
        assert far["n"] == 4 and far["low"] <= far["value"] <= far["high"]
    if opus.encoder():
        assert len(against["rows"]) == 4
        held = rows["Opus at 12 kbps, constant"]
        assert held["kbps"] == pytest.approx(12.0, rel=0.01)
        # Untrained, the codec is further away than Opus on every clip, and the table says so.
        line = against["rows"][0]
        assert line["log_mel_distance"]["low"] > 0.0
        assert line["share_of_clips_closer"]["value"] == 0.0
    assert len(books["rows"]) == 12
    assert all(0 < line["used"] <= 1 for line in books["rows"])
    for line, signed in zip(absolute["rows"], bias["rows"], strict=True):
        assert len(line) == 1 + bands.BANDS
        assert all(line[name] >= abs(signed[name]) - 1e-6 for name in bands.names())


def test_the_table_tells_of_tune_timbre_and_lines_in_every_row(figures):
    rows = figures[0]["tables"][0]["rows"]
    for line in (line for line in rows if "frechet_distance" in line):
        for name in ("peak_within_30_cents", "chroma_correlation", "onset_correlation"):
            assert line[name]["low"] <= line[name]["value"] <= line[name]["high"]
        for name in ("lines_at_100_Hz_dB", "mel_distance_DAC", "STFT_distance_DAC"):
            assert np.isfinite(line[name]["value"])
    best, chance = rows[0], rows[-1]
    assert best["peak_within_30_cents"]["value"] == 1.0
    assert chance["peak_within_30_cents"]["value"] < 0.5
    assert chance["mel_distance_DAC"]["value"] > best["mel_distance_DAC"]["value"] == 0.0


def test_families_are_asked_of_solos_alone(tiny, corpus):
    test = [clip for clip in corpus if clip.split == "test"]
    band = [clip for clip in test if clip.labels["texture"] == "band"]
    solos = [clip for clip in test if clip.labels["texture"] == "solo"]

    def heard(clips):
        figures = codec(tiny.tokenizers.codec, clips, opus=False, resamples=2)
        rows = figures["tables"][0]["rows"]
        return [one["families_heard"] for one in rows if one.get("families_heard")]

    told = heard([*band[:1], *solos[:2]])
    assert len(told) == 10 and {one["n"] for one in told} == {2}  # Opus has no row
    assert not heard(band[:2])


def test_the_header_says_what_was_measured(figures):
    assert figures[0]["reference"].startswith("4 test clips of 4 works; source not named")


def test_the_pictures_are_small_and_in_the_report(figures):
    made, path = figures
    text = path.with_suffix(".md").read_text()
    assert len(made["pictures"]) == 2
    for picture in made["pictures"]:
        file = path.with_name(picture["file"])
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_size <= 250_000
        assert f"({picture['file']})" in text


def test_without_an_encoder_the_rows_say_what_to_install(tiny, corpus, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    figures = codec(tiny.tokenizers.codec, corpus, n=2, resamples=5)
    rows = [line for line in figures["tables"][0]["rows"] if "Opus" in line["what"]]
    assert [line["log_mel_distance"] for line in rows] == [opus.MISSING] * 4


def test_real_recordings_are_named_and_taken_from_their_middle(tmp_path):
    samples = np.zeros(14 * SAMPLE_RATE, np.float32)
    samples[7 * SAMPLE_RATE :] = 0.5
    Waveform(samples).save(tmp_path / "a.wav")
    clip = Clip("a", str(tmp_path / "a.wav"), 14.0, "train", "suite", "Musopen", "CC0-1.0")
    brief = Clip("b", str(tmp_path / "b.wav"), 3.0, "train", "song", "Musopen", "CC0-1.0")
    assert whole([clip, brief]) == [clip]
    with pytest.raises(UserError, match="10 s long"):
        whole([brief])
    assert origin([clip, brief]) == "2 train clips of 2 works; Musopen (CC0-1.0): 2"
    middle = load([clip], 10.0, middle=True)[0, 0]
    assert middle[: 5 * SAMPLE_RATE - 100].abs().max() < 0.01 < 0.4 < middle[-1]


def test_an_error_lies_in_the_band_where_it_was_made():
    real = torch.randn(2, 1, 48_000, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(real)
    frequency = torch.linspace(0.0, SAMPLE_RATE / 2, spectrum.shape[-1])
    low, high = bands.edges()[5:7]
    inside = (frequency > low) & (frequency < high)
    softer = torch.fft.irfft(torch.where(inside, 0.5 * spectrum, spectrum), n=48_000)
    errors = bands.band_errors(real, softer)
    assert (errors.bias[:, 5] < -0.5).all() and (errors.absolute[:, 5] > 0.5).all()
    others = [k for k in range(bands.BANDS) if k != 5]
    assert errors.absolute[:, others].max() < 0.1
    whole_of_it = log_mel_distance(real, softer)
    torch.testing.assert_close(errors.absolute.mean(dim=1), whole_of_it, atol=1e-5, rtol=1e-4)


def test_the_floor_keeps_the_energy_of_each_band_and_no_more(corpus):
    real = torch.from_numpy(wave_of(corpus[2]))[None, None]
    noise = bands.noise_like(real, torch.Generator().manual_seed(0))
    assert abs(float(si_snr(real, noise))) > 15.0  # nothing of the waveform
    frequency = torch.linspace(0.0, SAMPLE_RATE / 2, real.shape[-1] // 2 + 1)
    for low, high in itertools.pairwise(bands.edges()):
        inside = (frequency >= low) & (frequency < high)
        energy = [torch.fft.rfft(w)[..., inside].abs().square().mean() for w in (real, noise)]
        assert 0.9 < float(energy[1] / energy[0]) < 1.1


def test_use_counts_codes():
    used, perplexity = use(torch.arange(512).repeat(3), 1024)
    assert used == 0.5 and abs(perplexity - 512) < 1e-3
