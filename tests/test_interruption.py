"""Killed at any moment and run again, `data compose` and `tokenize` end as if undisturbed."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from soundfonts import INSTALLED, needs_soundfont

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.corpus.compose import Recipe, compose
from musiclm.data.manifest import Clip, read_manifest, write_manifest
from musiclm.system import load_tokenizers
from musiclm.tokenizers import tokenize_corpus

CLIPS = 40


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def killed_midway(code: str, folder: Path, pattern: str, files: int, delay: float) -> bool:
    """Kill a run `delay` seconds after the folder has so many files; False if it had ended."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        until = time.monotonic() + 120
        while process.poll() is None and len(list(folder.glob(pattern))) < files:
            assert time.monotonic() < until, "nothing is written"
            time.sleep(0.002)
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.returncode == -signal.SIGKILL


@needs_soundfont
def test_compose(tmp_path: Path) -> None:
    recipe, options = Recipe(1.0, 4, (INSTALLED,)), {"clips": CLIPS, "progress": False}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    compose(whole, recipe, **options)
    code = (
        "from pathlib import Path, PosixPath; from musiclm.corpus.compose import Recipe, compose\n"
        "if __name__ == '__main__':\n"
        f"    compose(Path({str(broken)!r}), {recipe!r}, processes=2, **{options!r})"
    )
    rng = random.Random(0)
    moments = [(rng.randint(1, CLIPS // 4), rng.uniform(0, 0.05)) for _ in range(2)]
    kills = [
        killed_midway(code, broken, "clips/*", files * (4 * turn + 1), delay)
        for turn, (files, delay) in enumerate(moments)
    ]
    assert any(kills) and (broken / "corpus.json").is_file()
    (broken / "clips" / ".abcdefgh.wav").write_bytes(b"RIFF")  # as a killed writer leaves it
    compose(broken, recipe, **options)
    assert contents(broken) == contents(whole)
    assert len(read_manifest(broken)) == CLIPS


def test_tokenize(tmp_path: Path, tiny_folder: Path) -> None:
    rng = np.random.default_rng(0)
    clips = []
    for number in range(60):
        path, seconds = tmp_path / f"{number}.wav", 1.0 + (number % 3) * 0.33
        noise = rng.normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
        Waveform(noise).save(path)
        clips.append(Clip(str(number), str(path), seconds, split="train"))
    write_manifest(tmp_path / "manifest.jsonl", clips)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    load = partial(load_tokenizers, tiny_folder, torch.device("cpu"))
    tokenize_corpus(load, clips, whole, rows_per_shard=4)
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from functools import partial; from pathlib import Path\n"
        "from musiclm.data.manifest import read_manifest\n"
        "from musiclm.system import load_tokenizers\n"
        "from musiclm.tokenizers import tokenize_corpus\n"
        f"load = partial(load_tokenizers, Path({str(tiny_folder)!r}), torch.device('cpu'))\n"
        f"clips = read_manifest(Path({str(tmp_path)!r}))\n"
        f"tokenize_corpus(load, clips, Path({str(broken)!r}), rows_per_shard=4)"
    )
    kills = [killed_midway(code, broken, "*.safetensors", n, 0.01 * n) for n in (1, 6)]
    assert any(kills) and 1 <= len(list(broken.glob("[0-9]*.safetensors"))) < 15
    (broken / ".abcdefgh.safetensors").write_bytes(b"")
    tokenize_corpus(load, clips, broken, rows_per_shard=4)
    assert contents(broken) == contents(whole)
