"""Clips differ in their music alone: one loudness, rate, format and length, and no metadata."""

import numpy as np
import pyloudnorm
import soundfile

from musiclm.listen.experiment import ANCHOR, NOISE, REFERENCE, gather
from musiclm.listen.playback import LEVEL, RATE, low_anchor, prepare


def test_what_differs_between_files_is_not_heard(tmp_path, cache, write):
    write(tmp_path / "a", "1.wav", "a bell", level=0.9, seconds=3.0)
    write(tmp_path / "b", "1.mp3", "a bell", level=0.02, seconds=2.5)
    loud = np.stack([np.sin(np.arange(4 * 44_100) / 10)] * 2, axis=1)
    (tmp_path / "c").mkdir()
    with soundfile.SoundFile(tmp_path / "c" / "1.flac", "w", 44_100, 2) as file:
        file.comment, file.title = '{"prompt": "a bell", "system": "secret"}', "secret"
        file.write(0.5 * loud)
    sounds = prepare(gather([tmp_path / s for s in "abc"], seconds=2), cache)
    for key in (("a", "1"), ("b", "1"), ("c", "1"), (NOISE, "1")):
        path = sounds[key]
        samples, rate = soundfile.read(path)
        assert rate == RATE and samples.shape == (2 * RATE,)
        loudness = pyloudnorm.Meter(RATE).integrated_loudness(samples)
        assert abs(loudness - LEVEL) < 0.5, key
        assert b"secret" not in path.read_bytes() and b"prompt" not in path.read_bytes()


def test_the_anchor_ends_at_3500_hertz(folders, cache):
    samples = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(x))[1:] for x in (samples, low_anchor(samples)))
    hertz = np.fft.rfftfreq(RATE, 1 / RATE)[1:]

    def decibels(low, high):
        band = (hertz >= low) & (hertz < high)
        return 20 * np.log10(np.linalg.norm(after[band]) / np.linalg.norm(before[band]))

    assert abs(decibels(100, 3400)) < 0.2 and decibels(4000, 24_000) < -25
    sounds = prepare(gather(folders[1:], "mushra", reference=folders[0]), cache)
    assert sounds[ANCHOR, "0"] != sounds[REFERENCE, "0"]


def test_clips_are_prepared_once(experiment, cache):
    before = {path: path.stat().st_mtime_ns for path in prepare(experiment, cache).values()}
    again = {path: path.stat().st_mtime_ns for path in prepare(experiment, cache).values()}
    again.pop(prepare(experiment, cache)[NOISE, "0"])
    assert again.items() <= before.items()
