"""Whether each figure of music moves the right way, and how far, on damage of known strength.

    python benchmarks/damage.py --data test/manifest.jsonl --number 100 -o docs/results/damage

Two halves of held-out clips share no work: one is the reference, the other is damaged by noise,
low-pass, a slower tempo, captions of other clips, and by being fewer. Writes a table, a verdict for
each figure and kind of damage, and a picture with a panel for each figure.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import torch

from musiclm.audio import SAMPLE_RATE
from musiclm.data.manifest import Clip, read_manifest
from musiclm.evaluate.clips import Recording, heard
from musiclm.evaluate.distances import fad, kernel, kld, mauve, neighbours
from musiclm.evaluate.distances.sets import Clips, centres
from musiclm.evaluate.embedders.judge import JudgeEmbedder, JudgeTagger
from musiclm.evaluate.embedders.mulan import MuLanEmbedder
from musiclm.evaluate.intervals import Estimate, mean
from musiclm.evaluate.report import report, row, save, show, table
from musiclm.evaluate.sound import SECONDS, held_out, origin, sample
from musiclm.picture import NOT_DRAWN, canvas
from musiclm.picture import save as save_picture

NOISE, LOW_PASS, TEMPO, SHUFFLED, FEWER = "noise", "low-pass", "slower", "shuffled", "fewer clips"
STEPS: dict[str, tuple[float, ...]] = {
    NOISE: (30.0, 20.0, 10.0, 0.0),  # dB of the clip above it
    LOW_PASS: (6000.0, 3000.0, 1500.0, 750.0),  # hertz
    TEMPO: (0.9, 0.8, 0.65, 0.5),  # of the tempo, the pitch kept
    SHUFFLED: (0.33, 0.67, 1.0),  # of the captions
    FEWER: (0.5, 0.25, 0.12),  # of the clips
}
UNITS = {NOISE: "{:g} dB", LOW_PASS: "{:g} Hz", TEMPO: "x{:g}", SHUFFLED: "{:.0%}", FEWER: "{:.0%}"}
MARKS = {NOISE: "oC0-", LOW_PASS: "sC1-", TEMPO: "^C2-", SHUFFLED: "xC3--", FEWER: "dC4:"}
RIGHT = {  # +1: grows with damage
    "FAD judge": 1,
    "FAD-infinity judge": 1,
    "FAD mulan": 1,
    "KAD judge": 1,
    "KAD mulan": 1,
    "MAD judge": 1,
    "precision": -1,
    "recall": -1,
    "density": -1,
    "coverage": -1,
    "diversity": 0,  # either way: noise makes clips alike, or scatters them
    "KLD paired": 1,
    "KLD marginal": 1,
    "MuLan cycle": -1,
}
OF_PAIRS = ("KLD paired", "MuLan cycle")  # the only ones that captions can change
TABLES = {
    "Distances": [name for name in RIGHT if "AD" in name],
    "Neighbours": ["precision", "recall", "density", "coverage", "diversity"],
    "Labels and captions": ["KLD paired", "KLD marginal", "MuLan cycle"],
}
NOTES = (
    "undamaged: the other half as it is, against the reference; what a figure says of good music",
    "noise: white, below the clip by so many dB; low-pass: nothing above; slower: by a phase "
    "vocoder, first ten seconds; half the tempo can be heard as the old one, with longer notes",
    "shuffled: so many captions are those of other clips",
    "KLD paired: against the same clips undamaged; MuLan cycle: cosine with the clip's caption",
    "only the figures of pairs can see shuffled captions; fewer clips are as good as all of them: "
    "the best figure stays where it is",
    "which way: from undamaged to the worst step; the rank correlation of figure and strength, "
    "above 0 where it moves as wanted; right or wrong: the worst step lies beyond the undamaged "
    "interval on that side; not seen: it lies within",
)


@dataclass
class Heard:
    """A set of clips, as all ears hear it."""

    judge: list[np.ndarray] = field(default_factory=list)
    mulan: list[np.ndarray] = field(default_factory=list)
    tags: list[np.ndarray] = field(default_factory=list)

    def part(self, count: int) -> "Heard":
        """The first clips."""
        return Heard(self.judge[:count], self.mulan[:count], self.tags[:count])


class Ears:
    """The ears that are always there."""

    def __init__(self, model: str) -> None:
        self.judge, self.tagger, self.mulan = JudgeEmbedder(), JudgeTagger(), MuLanEmbedder(model)

    def hear(self, waves: Sequence[np.ndarray]) -> Heard:
        found = Heard()
        for wave in waves:
            found.judge.append(self.judge.embed(wave))
            found.mulan.append(self.mulan.embed(wave))
            found.tags.append(self.tagger.tag(wave))
        return found


def main() -> None:
    told = arguments()
    torch.manual_seed(0)
    reference, other = halves(held_out(read_manifest(told.data)), told.number)
    ears = Ears(told.model)
    here = ears.hear([wave_of(clip) for clip in reference])
    waves = [wave_of(clip) for clip in other]
    texts = ears.mulan.embed_text([max(clip.captions, key=len) for clip in other])
    found = figures_of(ears, here, waves, texts)
    publish(found, origin([*reference, *other]), told)


def halves(clips: Sequence[Clip], number: int) -> tuple[list[Clip], list[Clip]]:
    """Two sets of so many clips, at most, that share no work."""
    chosen = sample([clip for clip in clips if clip.captions], 2 * number, 0)
    works = sorted({clip.work or clip.id for clip in chosen})
    first = set(works[::2])
    return (
        [clip for clip in chosen if (clip.work or clip.id) in first],
        [clip for clip in chosen if (clip.work or clip.id) not in first],
    )


def wave_of(clip: Clip) -> np.ndarray:
    return heard(Recording(Path(clip.path), clip.id))[: round(SECONDS * SAMPLE_RATE)]


def figures_of(
    ears: Ears, here: Heard, waves: Sequence[np.ndarray], texts: np.ndarray
) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Of each kind and step, every figure; the step "undamaged" begins each kind."""
    rng = np.random.default_rng(0)
    sound = ears.hear(waves)
    order = rng.permutation(len(waves))
    start = judged(here, sound, sound, texts, ears)
    found = {}
    for kind, steps in STEPS.items():
        rows = {"undamaged": start}
        for step in steps:
            name = UNITS[kind].format(step)
            print(kind, name, flush=True)
            if kind == SHUFFLED:
                rows[name] = shuffled(sound, texts, order, step, ears)
            elif kind == FEWER:
                count = max(8, round(step * len(waves)))
                few = sound.part(count)
                rows[f"{name}, {count}"] = judged(here, few, few, texts[:count], ears)
            else:
                hurt = ears.hear([damaged(wave, kind, step, rng) for wave in waves])
                rows[name] = judged(here, hurt, sound, texts, ears)
        found[kind] = rows
    return found


def damaged(wave: np.ndarray, kind: str, step: float, rng: np.random.Generator) -> np.ndarray:
    if kind == NOISE:
        level = np.sqrt(np.mean(np.square(wave))) * 10 ** (-step / 20)
        return (wave + level * rng.standard_normal(len(wave))).astype(np.float32)
    if kind == LOW_PASS:
        spectrum = np.fft.rfft(wave)
        hertz = np.linspace(0.0, SAMPLE_RATE / 2, len(spectrum))
        return np.fft.irfft(spectrum / (1.0 + (hertz / step) ** 16), len(wave)).astype(np.float32)
    return slower(torch.from_numpy(wave), step)[: len(wave)].numpy()


def slower(wave: torch.Tensor, factor: float, size: int = 2048, hop: int = 512) -> torch.Tensor:
    """The same pitches at `factor` of the tempo (phase vocoder, Flanagan and Golden 1966)."""
    window = torch.hann_window(size)
    frames = torch.stft(wave, size, hop, window=window, return_complex=True)
    places = torch.arange(0.0, frames.shape[1] - 1, factor)
    left, share = places.long(), places - places.long()
    magnitude = torch.lerp(frames[:, left].abs(), frames[:, left + 1].abs(), share)
    expected = 2 * torch.pi * hop * torch.arange(size // 2 + 1)[:, None] / size
    turn = frames[:, left + 1].angle() - frames[:, left].angle() - expected
    turn = expected + turn - 2 * torch.pi * (turn / (2 * torch.pi)).round()
    phase = (turn.double().cumsum(dim=1) - turn + frames[:, :1].angle()).float()
    return torch.istft(torch.polar(magnitude, phase), size, hop, window=window)


def judged(
    here: Heard, hurt: Heard, sound: Heard, texts: np.ndarray, ears: Ears
) -> dict[str, Estimate]:
    """Every figure of damaged clips; `sound` are the same clips undamaged."""
    groups = ears.tagger.groups
    one, other = np.stack(here.tags), np.stack(hurt.tags)
    return {
        "FAD judge": fad.fad(here.judge, hurt.judge),
        "FAD-infinity judge": fad.fad_infinity(here.judge, hurt.judge),
        "FAD mulan": fad.fad(here.mulan, hurt.mulan),
        "KAD judge": kernel.kad(here.judge, hurt.judge),
        "KAD mulan": kernel.kad(here.mulan, hurt.mulan),
        "MAD judge": mauve.mad(here.judge, hurt.judge),
        "precision": neighbours.precision(here.judge, hurt.judge),
        "recall": neighbours.recall(here.judge, hurt.judge),
        "density": neighbours.density(here.judge, hurt.judge),
        "coverage": neighbours.coverage(here.judge, hurt.judge),
        "diversity": neighbours.diversity(here.judge, hurt.judge),
        "KLD paired": kld.paired(np.stack(sound.tags), other, groups),
        "KLD marginal": kld.marginal(one, other, groups),
        "MuLan cycle": cycle(hurt.mulan, texts),
    }


def shuffled(
    sound: Heard, texts: np.ndarray, order: np.ndarray, share: float, ears: Ears
) -> dict[str, Estimate]:
    """Captions, and with them the wanted labels, go around among a share of the clips."""
    places = np.arange(len(order))
    some = order[: round(share * len(order))]
    places[some] = np.roll(some, 1)
    tags = np.stack(sound.tags)
    return {
        "KLD paired": kld.paired(tags[places], tags, ears.tagger.groups),
        "MuLan cycle": cycle(sound.mulan, texts[places]),
    }


def cycle(clips: Clips, texts: np.ndarray) -> Estimate:
    """MuLan cycle consistency: the cosine of each clip with its caption."""
    whole = centres(clips)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    return mean((whole * texts).sum(axis=1))


def publish(
    found: Mapping[str, Mapping[str, Mapping[str, Estimate]]], reference: str, told: Any
) -> None:
    steps = {("undamaged", ""): found[NOISE]["undamaged"]}
    for kind, rows in found.items():
        steps |= {(kind, name): row for name, row in rows.items() if name != "undamaged"}
    tables = [table("Which way each figure moves", verdicts(found))]
    for title, names in TABLES.items():
        rows = [
            row(f"{kind} {step}".strip(), **{name: cells[name] for name in names if name in cells})
            for (kind, step), cells in steps.items()
        ]
        tables.append(table(title, [one for one in rows if len(one) > 1]))
    figures = report("damage", reference, tables, NOTES)
    figures |= draw(found, told.output.with_suffix(".png"))
    command = f"python benchmarks/damage.py --data {told.data} --number {told.number}"
    show(figures)
    save(figures, told.output, command)


def verdicts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each figure, a column for each kind of damage."""
    rows = []
    for name, wanted in RIGHT.items():
        cells: dict[str, str] = {}
        for kind, steps in found.items():
            path = [cells_[name] for cells_ in steps.values() if name in cells_]
            if kind != SHUFFLED or name in OF_PAIRS:
                cells[kind] = verdict(path, 0 if kind == FEWER else wanted)
        rows.append(row(name, **cells))
    return rows


def verdict(path: Sequence[Estimate], wanted: int) -> str:
    """From where to where, and whether that is the right way."""
    values = [one.value for one in path]
    moved = f"{values[0]:.3g} to {values[-1]:.3g}"
    if not wanted:
        return moved
    ranks = scipy.stats.spearmanr(np.arange(len(values)), values).statistic * wanted
    worst, first = path[-1].value, path[0]
    if first.low <= worst <= first.high:
        return f"{moved}, rank {ranks:.1f}, not seen"
    right = (worst > first.high) == (wanted > 0)
    return f"{moved}, rank {ranks:.1f}, {'right' if right else 'WRONG'}"


def draw(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """One panel for each figure, a line for each kind of damage."""
    figure = canvas(15, 9)
    if figure is None:
        return {"notes": [*NOTES, NOT_DRAWN]}
    panels = figure.subplots(3, 5).ravel()
    for panel, name in zip(panels, RIGHT, strict=False):
        for kind, steps in found.items():
            path_ = [cells[name] for cells in steps.values() if name in cells]
            if len(path_) > 1:
                line(panel, path_, kind)
        start = found[NOISE]["undamaged"][name]
        panel.axhspan(start.low, start.high, color="grey", alpha=0.2)
        panel.set(title=name, xticks=range(5))
    for panel in panels[len(RIGHT) :]:
        panel.axis("off")
    handles, names = panels[list(RIGHT).index("MuLan cycle")].get_legend_handles_labels()
    panels[-1].legend(handles, names, loc="center", title="steps 1 to 4; grey: undamaged, 95 %")
    figure.supxlabel("step of the damage, 0: undamaged")
    title = "Each figure against damage of growing strength; grey is the undamaged half's interval"
    return {"pictures": [{"title": title, "file": save_picture(figure, path).name}]}


def line(panel: Any, path: Sequence[Estimate], kind: str) -> None:
    values = [one.value for one in path]
    sides = [
        [max(0.0, one.value - one.low) for one in path],
        [max(0.0, one.high - one.value) for one in path],
    ]
    told = ", ".join(UNITS[kind].format(step) for step in STEPS[kind])
    places = np.arange(len(path)) + 0.05 * (list(STEPS).index(kind) - 2)  # intervals side by side
    panel.errorbar(places, values, yerr=sides, fmt=MARKS[kind], capsize=2, label=f"{kind}: {told}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="manifest with held-out clips")
    parser.add_argument("--number", type=int, default=100, help="clips of each half")
    parser.add_argument("--model", default="mini", help="the system whose MuLan listens")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/damage"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
