"""A small corpus of real sound, the smallest real codec, and ways to disturb its training."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.codec.discriminators import DiscriminatorConfig
from musiclm.codec.soundstream import SoundStreamConfig
from musiclm.codec.spectral import SpectralConfig
from musiclm.data.manifest import Clip
from musiclm.train.codec import CodecTask, CodecTaskConfig
from musiclm.train.config import TrainConfig
from musiclm.train.task import Task

PITCHES = {"low": 110.0, "middle": 330.0, "high": 990.0}


def tone(hertz: float, seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * (1 + seed % 3) * time)
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3))
    return (0.2 * beat * wave + 0.002 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder: Path = tmp_path_factory.mktemp("tones")
    rows = []
    for seed in range(12):
        name = list(PITCHES)[seed % 3]
        path = folder / f"{seed}.wav"
        wave = tone(PITCHES[name] * (1 + 0.01 * seed), 3.0, seed)
        Waveform(wave).save(path)
        rows.append(
            Clip(
                id=str(seed),
                path=str(path),
                seconds=3.0,
                split="valid" if seed >= 9 else "train",
                captions=(f"a {name} tone", f"one {name} note held for a while"),
            )
        )
    return rows


SPECTRAL = SpectralConfig(
    dimension=16,
    long_bins=32,
    short_bins=8,
    encoder_width=32,
    encoder_depth=1,
    decoder_width=32,
    decoder_depth=1,
    fine_depth=1,
    expansion=2,
)
CODEC = SoundStreamConfig(
    network="spectral", spectral=SPECTRAL, levels=3, codebook_size=16, code_dim=4
)
CRITICS = DiscriminatorConfig(channels=4, max_channels=16, stft_channels=2)


def make_settings(**changes: Any) -> TrainConfig:
    small: dict[str, Any] = {
        "steps": 10,
        "batch": 2,
        "crop_seconds": 0.2,
        "lr": 2e-3,
        "warmup": 2,
        "log_every": 1,
        "validate_every": 0,
        "save_every": 100,
        "precision": "float32",
        "device": "cpu",
    }
    return TrainConfig(**(small | changes))


def make_codec(
    clips: Sequence[Clip], config: TrainConfig, critics_from: int | None = None
) -> CodecTask:
    torch.manual_seed(0)
    return CodecTask(CODEC, config, clips, CodecTaskConfig(critics_from, critics=CRITICS))


def disturb_task(task: Task, at: int, how: str) -> Task:
    """Make a task send SIGTERM in the middle of a step, or lose its mind."""
    original = task.losses

    def losses(batch: Any, step: int, generator: torch.Generator) -> Iterator[Any]:
        for name, terms in original(batch, step, generator):
            if step == at and how == "signal" and name == "model":
                os.kill(os.getpid(), signal.SIGTERM)
            if step == at and how == "nan":
                terms = terms | {"log_mel": terms["log_mel"] * float("nan")}
            yield name, terms

    task.losses = losses  # type: ignore[method-assign]
    return task


@pytest.fixture
def settings() -> Callable[..., TrainConfig]:
    return make_settings


@pytest.fixture
def codec() -> Callable[..., CodecTask]:
    return make_codec


@pytest.fixture
def disturb() -> Callable[..., Task]:
    return disturb_task
