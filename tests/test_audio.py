"""Files of any make come in; nothing clipped or half-written goes out."""

import numpy as np
import pytest
import soundfile

from musiclm.audio import Waveform, normalise_loudness, read, read_crop
from musiclm.errors import UserError

TONE = (0.4 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_every_format_comes_back(tmp_path, suffix):
    path = tmp_path / f"tone{suffix}"
    Waveform(TONE, 48_000).save(path, {"prompt": "a tone"})
    back = read(path, 48_000)
    assert abs(back.seconds - 1.0) < 0.06
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels_become_24k_mono(tmp_path, rate, channels):
    path = tmp_path / "x.wav"
    samples = 0.3 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)
    soundfile.write(path, np.stack([samples] * channels, axis=1), rate)
    wave = read(path)
    assert wave.samples.ndim == 1 and abs(len(wave.samples) - 24_000) <= 1
    spectrum = np.abs(np.fft.rfft(wave.samples[:24_000] * np.hanning(len(wave.samples[:24_000]))))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_loud_samples_are_scaled_not_clipped(tmp_path):
    path = tmp_path / "loud.wav"
    Waveform(TONE * 5, 48_000).save(path)
    back = read(path, 48_000).samples
    assert np.abs(back).max() < 0.99
    assert np.corrcoef(back, TONE)[0, 1] > 0.9999


def test_crop_equals_the_same_part_of_the_whole(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, TONE, 24_000)
    assert np.array_equal(read_crop(path, 0.5, 0.25), read(path).samples[12_000:18_000])
    tail = read_crop(path, 1.9, 0.5)
    assert len(tail) == 12_000 and not tail[2_400:].any() and tail[:2_400].any()


def test_bad_files_get_one_line_that_names_them(tmp_path):
    (tmp_path / "text.wav").write_text("not sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 24_000)
    soundfile.write(tmp_path / "nan.wav", np.full(10, np.nan), 24_000, subtype="FLOAT")
    for name in ("text.wav", "empty.wav", "nan.wav", "missing.wav"):
        with pytest.raises(UserError, match=name) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x.xyz", "no/such/folder/x.wav", "folder.wav"])
def test_unwritable_outputs_are_refused(tmp_path, name):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        Waveform(TONE).save(tmp_path / name)


def test_loudness_is_reached_and_silence_stays_silent():
    import pyloudnorm

    loud = normalise_loudness(TONE * 0.1, 48_000, -20.0)
    assert abs(pyloudnorm.Meter(48_000).integrated_loudness(loud.astype(float)) + 20) < 0.2
    assert not normalise_loudness(np.zeros(48_000, np.float32), 48_000).any()


def test_long_ogg_files_are_written_whole(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 90 * 24_000).astype(np.float32)
    Waveform(noise).save(tmp_path / "long.ogg")
    assert len(read(tmp_path / "long.ogg").samples) == len(noise)
