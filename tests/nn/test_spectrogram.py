"""A tone lights the bin of its pitch; frames follow the clock."""

import math

import pytest
import torch

from musiclm.nn.spectrogram import LogMel


@pytest.mark.parametrize("samples", [1, 239, 240, 241, 24_000])
def test_one_frame_for_each_started_hop(samples):
    assert LogMel(24_000, 600, 240, 64)(torch.zeros(1, samples)).shape[1] == -(-samples // 240)


def test_higher_tones_light_higher_bins():
    mel, time = LogMel(24_000, 2048, 480, 128), torch.arange(24_000) / 24_000
    bins = [
        int(mel(torch.sin(2 * math.pi * f * time)[None])[0, 25].argmax())
        for f in (110, 220, 440, 880, 1760, 3520, 7040)
    ]
    assert bins == sorted(set(bins))


def test_no_filter_is_empty():
    assert (LogMel(24_000, 512, 120, 128).filters.sum(0) > 0).all()


def test_a_frame_is_centred_on_its_sample():
    mel, click = LogMel(24_000, 512, 480, 32), torch.zeros(1, 4800)
    click[0, 960] = 1.0
    assert int(mel(click).mean(-1)[0].argmax()) == 2
