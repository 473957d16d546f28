"""One healthy codec and three that are broken on purpose: docs/codec-training.md in figures.

    python benchmarks/codec_runs.py train MANIFEST RUNS [NAME ...]  # about a minute of a core each
    python benchmarks/codec_runs.py show RUNS docs/codec-runs.png   # the table, and the picture

The networks are small; `show` judges logged figures anew, so it may run without training again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import torch

from musiclm.checkpoint import atomic_path
from musiclm.codec.discriminators import DiscriminatorConfig
from musiclm.codec.losses import band_edges
from musiclm.codec.soundstream import SoundStreamConfig
from musiclm.codec.spectral import SpectralConfig
from musiclm.data.manifest import read_manifest
from musiclm.train.codec import CodecTask, CodecTaskConfig
from musiclm.train.config import TrainConfig
from musiclm.train.diagnosis import diagnose
from musiclm.train.loop import train
from musiclm.train.referee import FallbackConfig

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

NET = SpectralConfig(
    dimension=32,
    encoder_width=64,
    encoder_depth=2,
    decoder_width=96,
    decoder_depth=2,
    fine_depth=1,
    expansion=2,
)
MODEL = SoundStreamConfig(network="spectral", spectral=NET, levels=8, codebook_size=256, decay=0.95)
TRAIN = TrainConfig(
    steps=200,
    batch=8,
    crop_seconds=1.0,
    lr=1.5e-3,
    warmup=30,
    betas=(0.8, 0.99),
    ema=0.98,
    validate_every=100,
    sample_every=200,
    log_every=20,
    precision="float32",
    device="cpu",
)
TASK = CodecTaskConfig(windows_per_step=2)
STRONG = CodecTaskConfig(
    adversarial_from=0,
    windows_per_step=2,
    critics=DiscriminatorConfig(scales=(), stft_channels=4, stft_hop=512),
    fallback=FallbackConfig(check_every=10, patience=2),
)
LOUD = {"adversarial": 7.0, "features": 14.0}  # a hundred times the usual
WIDE = replace(MODEL, spectral=replace(NET, dimension=256), cosine=True, code_dim=12)
RUNS: dict[str, tuple[SoundStreamConfig, TrainConfig, CodecTaskConfig]] = {
    "healthy": (MODEL, TRAIN, TASK),
    "collapsed": (WIDE, replace(TRAIN, lr=4e-3, loss_weights={"correlation": 0.0}), TASK),
    "lr20": (MODEL, replace(TRAIN, lr=3e-2), TASK),
    "critics": (MODEL, replace(TRAIN, steps=100, log_every=10, loss_weights=LOUD), STRONG),
}
HELD_OUT = 8  # clips


def main() -> None:
    """Train, or show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "show"))
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("names", nargs="*")
    told = parser.parse_args()
    if told.what == "train":
        learn(told.first, told.second, told.names or list(RUNS))
    else:
        show(told.first, told.second)


def learn(manifest: Path, folder: Path, names: list[str]) -> None:
    """Each from the same random numbers, on an eighth of the corpus."""
    torch.set_num_threads(1)
    rows = read_manifest(manifest)
    clips = [c for c in rows if c.split == "train"][::8]
    clips += [c for c in rows if c.split == "valid"][:HELD_OUT]
    for name in names:
        model, config, task = RUNS[name]
        torch.manual_seed(0)
        train(CodecTask(model, config, clips, task), config, folder / name)


def show(folder: Path, picture: Path) -> None:
    """What each run logged at its end, and what that means."""
    logs = {name: read(folder / name) for name in RUNS if (folder / name / "log.jsonl").exists()}
    logs = {name: log for name, log in logs.items() if log[0]}
    for name, (steps, valids) in logs.items():
        figures = ends(steps, valids) | {"clip_norm": RUNS[name][1].clip_norm}
        print(f"\n## {name}, step {valids[-1]['step'] if valids else steps[-1]['step']}")
        for key, value in figures.items():
            shown = [round(v, 2) for v in value] if isinstance(value, list) else f"{value:.4g}"
            print(f"  {key:28} {shown}")
        for sentence in diagnose(figures):
            print(f"  warning: {sentence}")
    draw(logs, picture)


def read(run: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of steps, and rows of validations."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [r for r in rows if "valid" not in r], [r for r in rows if "valid" in r]


def ends(steps: list[dict[str, Any]], valids: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures that a diagnosis at the end is made from."""
    last = valids[-1] if valids else {"valid": {}, "details": {}}
    figures = steps[-1] | last["valid"] | last["details"]
    return {name: figure for name, figure in figures.items() if name not in ("step", "elapsed")}


def draw(logs: dict[str, Any], picture: Path) -> None:
    """Four panels: the loss, what tokens carry, the bands, the critics."""
    figure, panels = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    (loss, bits), (bands, critics) = panels
    middles = [(a + b) / 2 for a, b in zip(band_edges(), band_edges()[1:], strict=False)]
    for name, (steps, valids) in logs.items():
        at = [row["step"] for row in steps]
        loss.plot(at, [row["log_mel"] for row in steps], label=name)
        bits.plot(at, [sum(row["entropy"]) / len(row["entropy"]) for row in steps])
        bands.plot(middles, valids[-1]["details"]["band_bias"] if valids else [0] * len(middles))
        if "critics.win_rate" in steps[0]:
            critics.plot(at, [row.get("critics.win_rate") for row in steps], "C3", label="win rate")
            fooling = [
                row.get("share.adversarial", 0) + row.get("share.features", 0) for row in steps
            ]
            critics.plot(at, fooling, "C3--", label="share of the gradient")
            critics.plot(
                at, [row["critics.mode"] / 2 for row in steps], "k:", label="1/2: paused, 1: off"
            )
            critics.legend(fontsize=8)
    loss.set(title="log_mel loss", xlabel="step", ylim=(0, None))
    loss.legend(fontsize=8)
    bits.set(title="bits a token, mean of the levels", xlabel="step", ylim=(0, 8.2))
    bands.set(title="band_bias, nepers: below 0 is too soft", xlabel="Hz", xscale="log")
    bands.axhline(0, color="grey", lw=0.5)
    critics.set(title="the critics of the run `critics`", xlabel="step", ylim=(-0.05, 1.05))
    with atomic_path(picture) as temporary:
        figure.savefig(temporary, dpi=90)


if __name__ == "__main__":
    main()
