"""Which layer to cluster, and into how many tokens: the choice of MusicLM section 3.1, by probes.

Beside the layers stand what needs no network: musical features, and plain log-mel.

figures = layers(tokenizer.model, read_manifest("corpus"))
draw(figures, Path("layers.png"))
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.frames import frame_facts
from musiclm.evaluate.probes import clip_rows, cluster, frame_rows, standardised
from musiclm.evaluate.report import row, table
from musiclm.evaluate.semantic import log_mel, unheard
from musiclm.evaluate.sound import Progress, chunks, held_out, load, quiet, sample
from musiclm.picture import canvas, save
from musiclm.semantic.musical import MusicalFeatures
from musiclm.semantic.pieces import whole_frames
from musiclm.semantic.w2v_bert import W2vBert

SIZES = (256, 512, 1024, 2048)
QUESTIONS = ("melody", "chord", "beat", "key", "tempo class", "family of the melody", "style")
FRAMES_FITTED, ITERATIONS = 40_000, 10  # of k-means
BASELINE, MUSICAL = "log-mel", "musical features"


def layers(
    model: W2vBert,
    clips: Sequence[Clip],
    *,
    other: Sequence[Clip] | None = None,
    train: int = 300,
    test: int = 150,
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
    progress: Progress = quiet,
) -> list[dict[str, Any]]:
    """One table a question: a row for each layer, a column for each number of clusters."""
    learned = sample(held_out(clips, ("train",)), train, seed)
    both = learned + sample(unheard(clips, other), test, seed)
    views = _views(model, both, len(learned))
    frames = next(iter(views.values())).shape[1]
    facts = frame_facts(both, frames)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    chances: dict[str, float] = {}
    for done, (name, size) in enumerate((name, size) for name in views for size in sizes):
        progress("layers", done, len(views) * len(sizes))
        tokens = cluster(
            views[name], len(learned), size, seed, most=FRAMES_FITTED, iterations=ITERATIONS
        )
        sides = {"tokens": tokens}
        lines = frame_rows(sides, facts, len(learned), seed) + clip_rows(sides, both, len(learned))
        for line in lines:
            if line["what"] in QUESTIONS and "tokens" in line:
                cells = found.setdefault(line["what"], {}).setdefault(name, {})
                cells[str(size)] = line["tokens"]["value"]
                chances[line["what"]] = line["chance"]
    note = f"{len(learned)} train clips, {len(both) - len(learned)} test clips"
    return [
        table(
            f"{question} by layer and number of clusters (chance {chances[question]:.2f}; {note})",
            [row(name, **cells) for name, cells in by_layer.items()],
        )
        for question, by_layer in found.items()
    ]


def draw(tables: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A panel for each question: accuracy over the number of clusters, one line a layer."""
    figure = canvas(3.2 * len(tables), 3.4)
    if figure is None:
        raise UserError("the picture of layers needs matplotlib: pip install matplotlib")
    axes = figure.subplots(1, len(tables), squeeze=False)[0]
    for axis, one in zip(axes, tables, strict=True):
        for line in one["rows"]:
            sizes = [name for name in line if name != "what"]
            style = "k--" if line["what"] == BASELINE else "o-"
            axis.plot(sizes, [line[s] for s in sizes], style, markersize=3, label=line["what"])
        axis.set_title(one["title"].split(" by ")[0])
        axis.set_xlabel("clusters")
    axes[0].set_ylabel("accuracy of a linear probe")
    axes[0].legend(fontsize=6)
    save(figure, path)


def _views(
    model: W2vBert, clips: Sequence[Clip], learned: int
) -> dict[str, Float[Tensor, "b n d"]]:
    """What might be clustered, by name, each number at mean 0 and deviation 1 (or its weight)."""
    device = next(model.parameters()).device
    musical = MusicalFeatures(model.config.frame, pulse=True).to(device)
    parts: dict[str, list[Tensor]] = {}
    for group in chunks(clips, 4):
        wave = load(group)
        heard = whole_frames(wave.to(device), model.config.frame)
        found = {f"layer {number}": x for number, x in model.layers(heard).items()}
        found |= {MUSICAL: musical(heard), BASELINE: log_mel(wave)}
        for name, values in found.items():
            parts.setdefault(name, []).append(values.cpu())
    views = {name: torch.cat(values) for name, values in parts.items()}
    for name, values in views.items():
        views[name] = standardised(values, learned)
    views[MUSICAL] = views[MUSICAL] * musical.weights()
    return views
