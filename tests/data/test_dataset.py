"""Batches are a pure function of the seed and the step."""

import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from musiclm.audio import SAMPLE_RATE
from musiclm.data.dataset import Crops, Prefetch, crop
from musiclm.errors import UserError


def test_a_batch_depends_on_seed_and_step_only(clips):
    crops, again = (Crops(clips, seconds=0.5, batch=3, seed=7) for _ in range(2))
    for step in (5, 0, 11):
        again.batch(step + 1)  # what was asked before must not matter
        assert torch.equal(crops.batch(step).wave, again.batch(step).wave)
    assert crops.rows(0) != crops.rows(1)
    assert crops.rows(0) != Crops(clips, seconds=0.5, batch=3, seed=8).rows(0)


def test_shape_and_range(clips):
    wave = Crops(clips, seconds=0.5, batch=3).batch(0).wave
    assert wave.shape == (3, 1, SAMPLE_RATE // 2)
    assert wave.dtype == torch.float32


def test_crops_are_cut_from_where_they_say(clips):
    crops = Crops(clips, seconds=0.5, batch=4, seed=3)
    batch = crops.batch(2)
    for wave, (clip, start) in zip(batch.wave, crops.rows(2), strict=True):
        assert 0 <= start <= clip.seconds - 0.5
        assert float(wave[0, 0]) == pytest.approx(0.9 * start / clip.seconds, abs=1e-3)


def test_an_epoch_visits_seconds_or_clips_evenly(clips):
    def visits(crops, steps):
        return Counter(clip.id for step in range(steps) for clip, _ in crops.rows(step))

    assert visits(Crops(clips, 1.0, batch=7), 1) == {"0": 1, "1": 2, "2": 4}
    assert visits(Crops(clips, 1.0, batch=3, evenly="clips"), 1) == {"0": 1, "1": 1, "2": 1}


def test_a_batch_larger_than_an_epoch_is_filled(clips):
    crops = Crops(clips, 1.0, batch=8, evenly="clips")
    assert Counter(clip.id for clip, _ in crops.rows(0)).total() == 8


def test_a_short_clip_is_repeated(clips):
    wave = crop(clips[0], 0.0, 2.5)
    assert len(wave) == 2.5 * SAMPLE_RATE
    assert np.array_equal(wave[:SAMPLE_RATE], wave[SAMPLE_RATE : 2 * SAMPLE_RATE])


def test_a_broken_file_is_named(clips, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and no more")
    with pytest.raises(UserError, match="broken.wav"):
        Crops([replace(clips[0], path=str(broken))], 0.5, 1).batch(0)


@pytest.mark.parametrize(("seconds", "batch"), [(0.0, 1), (1.0, 0)])
def test_impossible_crops_are_refused(clips, seconds, batch):
    with pytest.raises(UserError, match="positive"):
        Crops(clips, seconds, batch)


def test_no_clips_are_refused():
    with pytest.raises(UserError, match="no clips"):
        Crops([], 1.0, 1)


@pytest.mark.parametrize("workers", [1, 3])
def test_prefetch_keeps_the_order(workers):
    with Prefetch(lambda step: step, start=4, stride=3, workers=workers) as batches:
        assert [next(batches) for _ in range(20)] == list(range(4, 64, 3))


def test_prefetch_works_on_another_thread_and_raises_on_ours():
    def batch(step):
        if step == 2:
            raise UserError("bad.wav")
        return threading.current_thread().name

    with Prefetch(batch) as batches:
        assert next(batches) != threading.current_thread().name
        next(batches)
        with pytest.raises(UserError, match="bad.wav"):
            next(batches)
