"""Fidelity against predictability: every codec as a curve over its levels, in one picture.

    python benchmarks/plane.py --data corpus/manifest.jsonl --test test/manifest.jsonl \
        --chosen mini -o docs/results/plane mini=mini old=runs/old/export/codec.safetensors

A codec is a system (its folder or its released name; then its semantic tokens are measured too) or
an exported `codec.safetensors` with its `codec.json` beside it. To the right is dearer for the
language model, further down is closer to the original. What the JSON already holds, measured in the
same way on the same clips, is not measured again, so a codec can be added later.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch
from torch import Tensor

from musiclm.checkpoint import atomic_path, fingerprint, load_tensors, load_weights
from musiclm.codec.losses import log_mel_distance
from musiclm.codec.soundstream import SoundStream, SoundStreamConfig
from musiclm.config import from_dict
from musiclm.data.manifest import Clip, read_manifest
from musiclm.errors import UserError
from musiclm.evaluate.intervals import mean
from musiclm.evaluate.predictability import DECODER, Budget, Predictability, predictability
from musiclm.evaluate.report import report, row, save, show, table
from musiclm.evaluate.sound import SECONDS, chunks, held_out, load, sample
from musiclm.interfaces import SemanticTokenizer
from musiclm.system import load_part, read_index, system_folder
from musiclm.tokens import SEMANTIC

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

LEVELS = (1, 2, 4, 6, 8, 12)
BATCH = 4
CPU = torch.device("cpu")
Measured = dict[str, Any]  # of one tokenizer, as the JSON holds it


@dataclass(frozen=True)
class Subject:
    """A name in the picture, and the tokenizers behind it."""

    label: str
    codec: SoundStream | None
    semantic: SemanticTokenizer | None


@dataclass(frozen=True)
class Terms:
    """What all tokenizers are measured on; figures of other terms are not comparable."""

    train: list[Clip]
    test: list[Clip]
    budget: Budget

    def key(self, module: torch.nn.Module) -> str:
        """Of a measurement: the same key is the same measurement."""
        what: list[Any] = [[clip.id for clip in self.train], [clip.id for clip in self.test]]
        what += [asdict(self.budget), asdict(DECODER), fingerprint(module), list(LEVELS)]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def main() -> None:
    """Measure what is not measured yet, then write the picture and the tables."""
    told = arguments()
    train = sample(held_out(read_manifest(told.data), ("train",)), told.train, 0)
    test = sample(held_out(read_manifest(told.test or told.data)), told.number, 0)
    terms = Terms(train, test, Budget(told.seconds))
    path = told.output.with_suffix(".json")
    before = json.loads(path.read_text()).get("measured", {}) if path.exists() else {}
    found: dict[str, dict[str, Measured]] = {"codec": {}, "semantic": {}}
    for text in told.codecs:
        one = subject(text)
        for noun, module in (("codec", one.codec), ("semantic", one.semantic)):
            if module is not None:
                old = before.get(noun, {}).get(one.label, {})
                key = terms.key(module)
                fresh = old.get("key") != key
                found[noun][one.label] = {"key": key} | measure(module, terms) if fresh else old
        publish(found, terms, told)
    show(json.loads(path.read_text()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("codecs", nargs="+", metavar="LABEL=SYSTEM_OR_CODEC")
    parser.add_argument("--data", type=Path, required=True, help="manifest to learn tokens from")
    parser.add_argument("--test", type=Path, help="manifest to be judged on; default: --data")
    parser.add_argument("--train", type=int, default=400, help="clips to learn from")
    parser.add_argument("--number", type=int, default=40, help="clips to be judged on")
    parser.add_argument("--seconds", type=float, default=Budget.seconds, help="the budget")
    parser.add_argument("--chosen", help="LABEL or LABEL:LEVELS, marked in the picture")
    parser.add_argument("--probes", nargs="*", default=[], metavar="LABEL=semantic.json")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/plane"))
    return parser.parse_args()


def subject(text: str) -> Subject:
    """What LABEL=PATH stands for; a released name needs no label."""
    label, _, where = text.rpartition("=")
    label = label or where
    path = Path(where)
    if path.suffix != ".safetensors":
        folder = system_folder(where)
        index = read_index(folder)
        have = {noun for noun in ("codec", "semantic") if noun in index["parts"]}
        parts: Any = {noun: load_part(folder, noun, index, CPU) for noun in have}
        return Subject(label, parts.get("codec"), parts.get("semantic"))
    about = path.with_suffix(".json")
    if not about.is_file():
        raise UserError(f"{path}: its configuration, {about.name}, is not beside it")
    codec = SoundStream(from_dict(SoundStreamConfig, json.loads(about.read_text())["config"]))
    load_weights(codec, load_tensors(path)[0], path)
    return Subject(label, codec.eval().requires_grad_(False), None)


def measure(module: SoundStream | SemanticTokenizer, terms: Terms) -> Measured:
    return acoustic(module, terms) if isinstance(module, SoundStream) else semantic(module, terms)


def acoustic(codec: SoundStream, terms: Terms) -> Measured:
    """One curve: what the first levels cost, and how near they come."""
    config = codec.config
    learned, judged = (tokens(clips, codec.encode) for clips in (terms.train, terms.test))
    paid = predictability(
        learned, judged, rate=config.frame_rate, size=config.codebook_size, budget=terms.budget
    )
    return curve(config, paid, fidelity(codec, terms.test, judged))


def curve(
    config: SoundStreamConfig, paid: Predictability, distances: dict[int, list[float]]
) -> Measured:
    """Price and distance by number of levels."""
    points = []
    for q, of_clips in distances.items():
        kbps = config.bitrate / config.levels * q / 1000
        points.append({"levels": q, "kbps": kbps, "log_mel": mean(of_clips).as_dict()})
        points[-1]["nats"] = paid.first(q).as_dict()
        points[-1]["order_0"] = float(paid.order_0[:q].sum())
        points[-1]["order_1"] = float(paid.order_1[:q].sum())
    return {"points": points} | by_level(paid)


def semantic(tokenizer: SemanticTokenizer, terms: Terms) -> Measured:
    """What the semantic tokens cost."""
    learned, judged = (
        tokens(clips, lambda wave: tokenizer.tokenize(wave)[..., None])
        for clips in (terms.train, terms.test)
    )
    size = len(tokenizer.centroids)
    paid = predictability(learned, judged, rate=SEMANTIC.rate, size=size, budget=terms.budget)
    return by_level(paid)


def by_level(paid: Predictability) -> Measured:
    return {
        "nats": paid.total.as_dict(),
        "levels": [level.as_dict() for level in paid.levels],
        "trusted": paid.trusted.tolist(),
        "order_0": paid.order_0.tolist(),
        "order_1": paid.order_1.tolist(),
        "uniform": paid.uniform,
        "rate": paid.rate,
    }


@torch.inference_mode()
def tokens(clips: Sequence[Clip], encode: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([encode(load(group)) for group in chunks(clips, BATCH)]).clone()


@torch.inference_mode()
def fidelity(codec: SoundStream, clips: Sequence[Clip], codes: Tensor) -> dict[int, list[float]]:
    """Log-mel distance of every clip, by number of levels."""
    distances: dict[int, list[float]] = {q: [] for q in LEVELS if q <= codec.config.levels}
    for group, own in zip(chunks(clips, BATCH), codes.split(BATCH), strict=True):
        wave = load(group)
        for q, into in distances.items():
            back = codec.decode(own[..., :q])[..., : wave.shape[-1]]
            into += log_mel_distance(wave, back).tolist()
    return distances


def publish(found: dict[str, dict[str, Measured]], terms: Terms, told: argparse.Namespace) -> None:
    """JSON, Markdown and the picture, after every tokenizer: what was paid for is kept."""
    probed = {label: answers(Path(where)) for label, where in map(pair, told.probes)}
    tables = [table("Plane", plane_rows(found["codec"]))]
    tables.append(
        table("Nats a token, by level: decoder / order 1 / order 0", level_rows(found["codec"]))
    )
    if found["semantic"]:
        tables.append(table("Semantic tokens", semantic_rows(found["semantic"], probed)))
    budget = terms.budget
    notes = [
        f"nats a second: of a decoder of {DECODER.layers} layers and width {DECODER.dim} (delay "
        f"pattern) after {budget.seconds:g} s of music in {budget.steps} steps; only to compare",
        "order 0: paid by the shares of the codes in most train clips; order 1: by what "
        "followed the code before in its level, where the decoder begins; uniform: no knowledge",
        "the price of q levels is that of the first q in one decoder of all levels",
        "log-mel distance in nepers over windows of 512, 1024 and 2048; 0 is the original",
    ]
    reference = (
        f"{len(terms.train)} train clips to learn from, {len(terms.test)} test clips of "
        f"{SECONDS:g} s to be judged on"
    )
    command = "python benchmarks/plane.py " + " ".join(sys.argv[1:])
    save(report("plane", reference, tables, notes) | {"measured": found}, told.output, command)
    draw(found, probed, told.chosen, told.output.with_suffix(".png"))


def pair(text: str) -> tuple[str, str]:
    label, _, where = text.rpartition("=")
    return label, where


def answers(path: Path) -> dict[str, float]:
    """Probe accuracies of the tokens, from the JSON of `musiclm evaluate semantic`."""
    rows = json.loads(path.read_text())["tables"][0]["rows"]
    named = {one["what"]: one.get("our semantic tokens") for one in rows}
    return {what: cell["value"] for what, cell in named.items() if isinstance(cell, dict)}


def plane_rows(found: dict[str, Measured]) -> list[Measured]:
    return [
        row(f"{label}, level 1 to {point['levels']}", kbps=point["kbps"])
        | {
            "nats a second": point["nats"],
            "order 1": round(point["order_1"], 1),
            "order 0": round(point["order_0"], 1),
            "uniform": round(one["uniform"] * point["levels"] / len(one["levels"]), 1),
            "log-mel distance": point["log_mel"],
        }
        for label, one in found.items()
        for point in one["points"]
    ]


def level_rows(found: dict[str, Measured]) -> list[Measured]:
    most = max((len(one["levels"]) for one in found.values()), default=0)
    rows = []
    for level in range(most):
        cells = {}
        for label, one in found.items():
            if level < len(one["levels"]):
                nats = one["levels"][level]["value"], one["order_1"][level], one["order_0"][level]
                cells[label] = " / ".join(f"{each / one['rate']:.2f}" for each in nats)
        rows.append(row(f"level {level + 1}") | cells)
    return rows


def semantic_rows(
    found: dict[str, Measured], probed: dict[str, dict[str, float]]
) -> list[Measured]:
    return [
        row(label)
        | {"nats a second": one["nats"], "order 1": round(sum(one["order_1"]), 1)}
        | {"order 0": round(sum(one["order_0"]), 1), "uniform": round(one["uniform"], 1)}
        | {f"probe: {what}": value for what, value in probed.get(label, {}).items()}
        for label, one in found.items()
    ]


def draw(
    found: dict[str, dict[str, Measured]],
    probed: dict[str, dict[str, float]],
    chosen: str | None,
    path: Path,
) -> None:
    """The plane of the codecs; beside it what semantic tokens cost, if any were measured."""
    wide = [3, 1] if found["semantic"] else [1]
    figure, axes = plt.subplots(
        1, len(wide), figsize=(13, 6), width_ratios=wide, squeeze=False, layout="constrained"
    )
    draw_plane(axes[0, 0], found["codec"], chosen)
    if found["semantic"]:
        draw_semantic(axes[0, 1], found["semantic"], probed)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
    plt.close(figure)


def draw_plane(axis: Any, found: dict[str, Measured], chosen: str | None) -> None:
    name, _, wanted = (chosen or "").partition(":")
    for number, (label, one) in enumerate(found.items()):
        points, colour = one["points"], f"C{number}"
        x, y = ([point[key]["value"] for point in points] for key in ("nats", "log_mel"))
        bars = {
            way: [
                [point[key]["value"] - point[key]["low"] for point in points],
                [point[key]["high"] - point[key]["value"] for point in points],
            ]
            for way, key in (("xerr", "nats"), ("yerr", "log_mel"))
        }
        axis.errorbar(x, y, **bars, fmt="o-", color=colour, ms=4, elinewidth=0.6, label=label)
        order_1 = [point["order_1"] for point in points]
        axis.plot(order_1, y, ":", color=colour, lw=1, alpha=0.7)
        for point, across, up in zip(points, x, y, strict=True):
            axis.annotate(str(point["levels"]), (across, up), (3, 4), textcoords="offset points")
            if label == name and str(point["levels"]) == (wanted or str(points[-1]["levels"])):
                axis.plot(across, up, "*", color=colour, ms=20, mec="black", zorder=5)
    axis.plot([], [], ":", color="grey", label="by counts alone (order 1)")
    axis.plot([], [], "*", color="white", ms=14, mec="black", label="chosen")
    axis.set(xlabel="nats a second, held out", ylabel="log-mel distance (nepers)", ylim=(0, None))
    axis.set_xlim(0, None)
    axis.set_title("Acoustic tokens: first 1 to 12 levels; down and left is better")
    axis.legend(loc="lower left")
    axis.grid(alpha=0.3)


def draw_semantic(
    axis: Any, found: dict[str, Measured], probed: dict[str, dict[str, float]]
) -> None:
    for place, (label, one) in enumerate(found.items()):
        axis.bar(place, one["uniform"], color="0.93")
        axis.bar(place, sum(one["order_0"]), color="0.85")
        axis.bar(place, sum(one["order_1"]), color="0.75")
        axis.bar(place, one["nats"]["value"], color="C0")
        accuracy = probed.get(label)
        text = f"{one['nats']['value']:.0f}"
        if accuracy:
            text += f"\nprobes\n{sum(accuracy.values()) / len(accuracy):.2f}"
        axis.text(place, one["nats"]["value"], text, ha="center", va="top", color="white")
    axis.set_xticks(range(len(found)), list(found))
    axis.set_ylabel("nats a second, held out")
    axis.set_title("Semantic tokens\n(greys: order 1, order 0, uniform)")


if __name__ == "__main__":
    main()
