"""The codec's benchmark: its ratios are those of the clock, and a stream forgets."""

import importlib.util
import time
from pathlib import Path

import pytest
import torch

PATH = Path(__file__).parents[2] / "benchmarks" / "codec.py"
SPEC = importlib.util.spec_from_file_location("benchmark_of_the_codec", PATH)
benchmark = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(benchmark)


def test_a_ratio_is_seconds_of_sound_by_seconds_of_work():
    told = benchmark._real_times(lambda: time.sleep(0.05), 1.0, repeats=3)
    assert 10.0 < told["slowest"] <= told["times_real_time"] <= told["fastest"] < 20.1
    assert told["times_real_time_of_core_time"] > 5 * told["times_real_time"]  # it only waited


def test_a_stream_of_any_length_remembers_the_same():
    torch.manual_seed(0)
    short, long = benchmark.memory(benchmark.causal_tiny(), (0.4, 1.2))
    assert short["most_bytes_remembered"] == long["most_bytes_remembered"] > 0
    assert (short["samples_out"], long["samples_out"]) == (9600, 28_800)


def test_sound_is_as_long_as_asked_for(corpus, tmp_path):
    from musiclm.data.manifest import write_manifest

    write_manifest(tmp_path / "m.jsonl", corpus[:3])
    wave = benchmark.sound(15.0, tmp_path / "m.jsonl")
    assert wave.shape == (1, 1, 360_000) and wave[..., -1000:].abs().max() > 0
    assert benchmark.sound(2.0, None).shape == (1, 1, 48_000)


@pytest.mark.parametrize("seconds", [1.0])
def test_every_figure_is_there(tiny, seconds):
    told = benchmark.speed(tiny.tokenizers.codec, benchmark.sound(seconds, None), repeats=2)
    for what in ("encode", "decode", "decode_half_of_the_levels"):
        assert told[what]["times_real_time"] > 0
