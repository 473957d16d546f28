"""How fast a codec is on one core, and what a stream of it must remember.

    python benchmarks/codec.py --model mini -o docs/results/codec-speed.json

Times real music if `--data` names a manifest, else noise. Each figure is the median of several
runs, with the slowest and the fastest beside it; `load_before` says what else kept the computer
busy. The memory of a stream is measured where the codec is causal.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, read_crop
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.codec.spectral import SpectralConfig
from musiclm.codec.streaming import DecoderStream, EncoderStream
from musiclm.data.manifest import read_manifest
from musiclm.system import load_part, read_index, system_folder

CLIP_SECONDS, LONG_SECONDS = 10.0, 60.0
STREAMED_SECONDS = (10.0, 120.0)
PIECE = 480  # samples pushed into a stream at one time: a frame


def main() -> None:
    """Measure, print and keep JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mini", help="a system's name or folder")
    parser.add_argument("--data", type=Path, help="a manifest; noise without one")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    folder = system_folder(told.model)
    codec = load_part(folder, "codec", read_index(folder), torch.device("cpu"))
    assert isinstance(codec, SoundStream)
    figures: dict[str, Any] = {
        "model": told.model,
        "threads": told.threads,
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "load_before": os.getloadavg()[0],
        "repeats": told.repeats,
        "clips": [
            speed(codec, sound(seconds, told.data), told.repeats)
            for seconds in (CLIP_SECONDS, LONG_SECONDS)
        ],
        "streaming": streaming(codec),
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if told.output:
        told.output.write_text(text + "\n")


def sound(seconds: float, manifest: Path | None) -> Tensor:
    """Music from one or more clips, end to end, or noise."""
    if manifest is None:
        noise = torch.randn(1, 1, round(seconds * SAMPLE_RATE))
        return 0.1 * noise
    parts: list[Tensor] = []
    for clip in read_manifest(manifest):
        parts.append(torch.from_numpy(read_crop(clip.path, 0.0, min(clip.seconds, seconds))))
        if sum(map(len, parts)) >= seconds * SAMPLE_RATE:
            break
    return torch.cat(parts)[None, None, : round(seconds * SAMPLE_RATE)]


def speed(codec: SoundStream, wave: Tensor, repeats: int) -> dict[str, Any]:
    """Times real time of encoding, of decoding, and of decoding half of the levels."""
    seconds = wave.shape[-1] / SAMPLE_RATE
    codes = codec.encode(wave)
    half = codes[..., : max(1, codes.shape[-1] // 2)]
    return {
        "seconds": seconds,
        "encode": _real_times(lambda: codec.encode(wave), seconds, repeats),
        "decode": _real_times(lambda: codec.decode(codes), seconds, repeats),
        "decode_half_of_the_levels": _real_times(lambda: codec.decode(half), seconds, repeats),
    }


def _real_times(work: Callable[[], Tensor], seconds: float, repeats: int) -> dict[str, float]:
    """By the wall clock, and by the time this process had the core."""
    work()  # the first is slower: memory is fetched, kernels are chosen
    walls, cores = [], []
    for _ in range(repeats):
        wall, core = time.perf_counter(), time.process_time()
        work()
        walls.append(seconds / (time.perf_counter() - wall))
        cores.append(seconds / (time.process_time() - core))
    return {
        "times_real_time": statistics.median(walls),
        "slowest": min(walls),
        "fastest": max(walls),
        "times_real_time_of_core_time": statistics.median(cores),
    }


def streaming(codec: SoundStream) -> dict[str, Any]:
    """Bytes that both ends of a stream remember, after a short and after a long sound."""
    if not codec.config.causal:
        return {"causal": False, "of": "a tiny causal codec with random weights"} | {
            "memory": memory(causal_tiny())
        }
    return {"causal": True, "memory": memory(codec)}


def causal_tiny() -> SoundStream:
    """A codec that can stream, for where the released one cannot."""
    spectral = SpectralConfig(encoder_width=32, decoder_width=32, causal=True)
    return SoundStream(SoundStreamConfig(network="spectral", spectral=spectral)).eval()


def memory(
    codec: SoundStream, lengths: tuple[float, ...] = STREAMED_SECONDS
) -> list[dict[str, float]]:
    """Frame by frame; the most that was remembered at any time, and the speed."""
    found = []
    for seconds in lengths:
        encoder, decoder = EncoderStream(codec), DecoderStream(codec)
        wave = sound(seconds, None)
        most, made = 0, 0
        began = time.perf_counter()
        for piece in wave.split(PIECE, dim=-1):
            made += decoder.push(encoder.push(piece)).shape[-1]
            most = max(most, encoder.bytes + decoder.bytes)
        made += decoder.finish().shape[-1]
        spent = time.perf_counter() - began
        found.append(
            {
                "seconds": seconds,
                "most_bytes_remembered": most,
                "samples_out": made,
                "times_real_time": seconds / spent,
            }
        )
    return found


if __name__ == "__main__":
    main()
