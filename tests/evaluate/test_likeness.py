"""Figures of a copy: perfect at identity, and each lowered by the fault that it is there for."""

import pytest
import torch
import torch.nn.functional as F

from musiclm.audio import SAMPLE_RATE
from musiclm.evaluate.likeness import (
    chroma_kept,
    hum,
    likeness,
    lines,
    onsets_kept,
    peak_kept,
)
from musiclm.evaluate.reconstruction import distances, mel_distance, mel_filters, stft_distance


def tune(steps: list[int], cents: float = 0.0, beat: int = 12_000) -> torch.Tensor:
    """Struck notes of four partials, in semitones from A4."""
    time = torch.arange(beat, dtype=torch.float64) / SAMPLE_RATE
    notes = []
    for step in steps:
        hertz = 440 * 2 ** ((step + cents / 100) / 12)
        partials = (torch.sin(2 * torch.pi * hertz * k * time) / k for k in (1, 2, 3, 4))
        notes.append(sum(partials) * torch.exp(-6 * time))
    return 0.3 * torch.cat(notes).float()[None]


MELODY = [0, 4, 7, 9, 5, 2, 11, 0]
NOISE = torch.randn(2, 3 * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))


def test_a_copy_that_is_the_recording_keeps_everything():
    wave = tune(MELODY)
    for figure in likeness(wave, wave.clone()).values():
        torch.testing.assert_close(figure, torch.ones(1))
    for figure in distances(wave, wave.clone()).values():
        assert figure.item() == 0.0
    louder = likeness(wave, 0.3 * wave)
    assert all(figure.item() > 0.95 for figure in louder.values())


def test_the_peak_tells_a_quarter_tone_and_lets_a_tenth_of_one_pass():
    wave = tune(MELODY)
    assert peak_kept(wave, tune(MELODY, cents=10)).item() > 0.95
    assert peak_kept(wave, tune(MELODY, cents=25)).item() > 0.9
    assert peak_kept(wave, tune(MELODY, cents=50)).item() < 0.05
    assert peak_kept(wave, tune(MELODY, cents=-50)).item() < 0.05


def test_quiet_windows_do_not_count():
    sounding = tune(MELODY)
    hiss = 1e-4 * NOISE[:1]
    rest = torch.zeros_like(hiss)
    whole = torch.cat([sounding, hiss], dim=1)
    copy = torch.cat([sounding, rest], dim=1)
    assert peak_kept(whole, copy).item() > 0.95
    assert chroma_kept(whole, copy).item() > 0.95


def test_chroma_falls_when_the_music_is_transposed():
    wave = tune(MELODY)
    assert chroma_kept(wave, tune([step + 12 for step in MELODY])).item() > 0.8
    for transposed in (1, 6):
        assert chroma_kept(wave, tune([step + transposed for step in MELODY])).item() < 0.5


def test_onsets_fall_when_attacks_are_smeared():
    wave = tune(MELODY)
    kernel = torch.hann_window(6_000)
    # Each note swells over a quarter of a second: the noise of a room that was not there.
    smeared = F.conv1d(wave[None], (kernel * NOISE[1, :6_000])[None, None], padding=3_000)
    smeared = smeared[0, :, : wave.shape[1]]
    assert onsets_kept(wave, 0.5 * wave).item() > 0.9
    assert onsets_kept(wave, smeared).item() < onsets_kept(wave, wave).item() - 0.4


def test_lines_find_a_comb_at_the_frame_rate():
    clean = lines(NOISE, 100)
    assert clean.abs().max() < 2.0
    comb = torch.zeros_like(NOISE)
    comb[:, :: SAMPLE_RATE // 100] = 1.0  # a click a frame
    assert (lines(NOISE + 5 * comb, 100) > clean + 8.0).all()
    slow = torch.zeros_like(NOISE)
    slow[:, :: SAMPLE_RATE // 50] = 1.0
    both = hum(NOISE + 5 * slow)
    assert (both["lines_at_50_Hz_dB"] > 3.0).all() and (both["lines_at_100_Hz_dB"] > 3.0).all()


def test_each_clip_has_its_own_figure_and_silence_has_none():
    wave = torch.cat([tune(MELODY), tune(MELODY[::-1]), torch.zeros(1, 96_000)])
    copy = torch.cat([tune(MELODY), tune([6] * 8), tune(MELODY)])
    peak, chroma = peak_kept(wave, copy), chroma_kept(wave, copy)
    assert peak[0] == 1.0 and peak[1] < 0.3 and peak[2].isnan()
    assert chroma[0] > 0.99 and chroma[1] < 0.6 and chroma[2].isnan()
    assert onsets_kept(wave, copy)[2].isnan()
    alone = peak_kept(wave[1:2], copy[1:2])
    assert peak[1] == alone[0]
    assert lines(torch.zeros(1, 96_000), 100).item() == 0.0


@pytest.mark.parametrize("samples", [3_000, 24_001, 97_531])
def test_any_length_and_precision_will_do(samples):
    wave = NOISE[:, :samples]
    for figures in (likeness(wave, wave), hum(wave), distances(wave, wave)):
        assert all(figure.dtype == torch.float32 for figure in figures.values())
    half = likeness(wave.double(), wave.bfloat16())
    assert all(figure.isfinite().all() for figure in half.values())


def test_the_filters_are_slaneys():
    filters = mel_filters(2048, 320)
    assert filters.shape == (1025, 320)
    # By hand: the scale has 15 mel to 1 kHz, and 27 more to each factor of 6.4 above it.
    one = mel_filters(2048, 1)[:, 0].double()
    top = 15 + 27 * torch.tensor(12.0).log() / torch.tensor(6.4).log()
    peak = 1000 * torch.exp((top / 2 - 15) * torch.tensor(6.4).log() / 27)
    assert abs(one.argmax() * SAMPLE_RATE / 2048 - peak) < 12
    area = one.sum() * SAMPLE_RATE / 2048
    assert area.item() == pytest.approx(1.0, rel=1e-3)


def test_ten_times_as_loud_is_one_at_each_scale():
    assert mel_distance(NOISE, 10 * NOISE).tolist() == pytest.approx([7.0, 7.0], rel=0.02)
    # Two at each of two windows by the logarithm of squares, and nine magnitudes.
    magnitudes = [
        torch.stft(
            NOISE[0], w, w // 4, window=torch.hann_window(w), return_complex=True
        ).abs().mean()
        for w in (2048, 512)
    ]  # fmt: skip
    wanted = 4.0 + 9.0 * sum(magnitudes).item()
    assert stft_distance(NOISE, 10 * NOISE)[0].item() == pytest.approx(wanted, rel=1e-4)
