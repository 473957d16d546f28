"""A crop of an MP3 by its frames is the crop of the whole file, sample for sample."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclm import audio, mp3

CASES = [
    (44_100, 2, "CONSTANT"),
    (48_000, 2, "VARIABLE"),
    (22_050, 1, "CONSTANT"),
    (24_000, 1, "VARIABLE"),
]


def write(path: Path, rate: int, channels: int, mode: str, seconds: int = 20) -> None:
    """Tones that glide under noise that comes and goes, so that frames differ in size."""
    rng = np.random.default_rng(0)
    time = np.arange(seconds * rate) / rate
    glide = np.sin(2 * np.pi * (200 + 40 * time) * time)
    noise = rng.standard_normal((len(time), channels)) * (np.sin(time) > 0)[:, None]
    samples = 0.3 * glide[:, None] + 0.1 * noise
    with soundfile.SoundFile(path, "w", rate, channels, bitrate_mode=mode) as file:
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])


@pytest.mark.parametrize(("rate", "channels", "mode"), CASES)
def test_a_crop_is_that_of_the_whole_file(tmp_path, rate, channels, mode, capfd):
    path = tmp_path / "long.mp3"
    write(path, rate, channels, mode)
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    places = mp3.index(path)
    assert places is not None and places.total == len(whole)
    for start in (0, 1, 700, 30_000, 200_001, len(whole) - 9_000, len(whole) - 10):
        crop = mp3.read(path, places, start, 8_000)
        assert crop.shape == whole[start : start + 8_000].shape
        assert np.abs(crop - whole[start : start + 8_000]).max() < 1e-5
    assert capfd.readouterr().err == ""  # the decoder has nothing to complain about


@pytest.mark.parametrize(("rate", "channels", "mode"), CASES[::3])
def test_a_file_without_an_encoders_tag_is_cropped_from_its_first_frame(
    tmp_path, rate, channels, mode
):
    path = tmp_path / "bare.mp3"
    write(path, rate, channels, mode)
    data = path.read_bytes()
    frames = list(mp3.walk(data))
    path.write_bytes(data[frames[1].offset :])
    places = mp3.index(path)
    assert places is not None and (places.first, places.trim) == (0, 0)
    assert places.total == (len(frames) - 1) * places.samples
    start = mp3.read(path, places, 0, 60_000)
    for later in (5_000, 40_000):
        crop = mp3.read(path, places, later, 8_000)
        assert np.abs(crop - start[later : later + 8_000]).max() < 1e-5


def test_tags_and_garbage_between_frames_are_stepped_over(tmp_path):
    path = tmp_path / "a.mp3"
    write(path, *CASES[0], seconds=2)
    data = path.read_bytes()
    frames = list(mp3.walk(data))
    cut = frames[20].offset
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 1]) + bytes(257)
    spoiled = tag + data[:cut] + b"\xff\xfbnot a frame\xff" * 3 + data[cut:] + b"TAG" + bytes(125)
    assert mp3.tag_length(spoiled) == len(tag)
    # The frame before the garbage is given up too: nothing follows it where something should.
    assert len(frames) - 1 <= len(list(mp3.walk(spoiled))) <= len(frames)


def test_reading_a_crop_takes_the_same_samples_by_either_way(tmp_path, monkeypatch):
    path = tmp_path / "long.mp3"
    write(path, *CASES[0])
    by_libsndfile = audio.read_crop(path, 7.3, 2.0)
    monkeypatch.setattr(mp3, "LONG", 0)
    by_frames = audio.read_crop(path, 7.3, 2.0)
    assert np.abs(by_libsndfile - by_frames).max() < 1e-4
    assert by_frames.std() > 0.05
    assert not audio.read_crop(path, 60.0, 1.0).any()  # after the end


def test_what_is_no_mp3_has_no_places(tmp_path):
    path = tmp_path / "text.mp3"
    path.write_bytes(b"this is text, not music \xff\xfb" * 100)
    assert mp3.index(path) is None


def test_places_are_read_again_when_the_file_changes(tmp_path):
    path = tmp_path / "a.mp3"
    write(path, *CASES[0], seconds=2)
    before = mp3.index(path)
    write(path, *CASES[0], seconds=4)
    after = mp3.index(path)
    assert before is not None and after is not None and after.total == 2 * before.total
