"""Claim: each stage keeps what the one before it knew (MusicLM section 3.2, figure 2).

The paper reports the whole chain alone. Here real held-out clips enter it at every link: true
tokens up to there, drawn ones after it. A row that is worse than the one above it names the part
that loses. Half of the works are the rows', the other half what distances are taken from.

    figures = stages(MusicLM.from_pretrained("mini"), read_manifest("corpus"),
                     Judges.load(("judge",)), n=80)

Shapes: b clips, t samples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE, Waveform
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.clips import Folder, Recording, write_prompts
from musiclm.evaluate.distances import fad, neighbours
from musiclm.evaluate.drawing import coarse_levels, device_of, draw_rest, sound_of, true_tokens
from musiclm.evaluate.intervals import Estimate, mean, share
from musiclm.evaluate.joints import beyond, joints, jumps, rank
from musiclm.evaluate.judges import SHARES, Judged, Judges, judged
from musiclm.evaluate.likeness import HUM_NOTE, hum, likeness
from musiclm.evaluate.likeness import NOTES as LIKENESS_NOTES
from musiclm.evaluate.music import plain
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import (
    SECONDS,
    Progress,
    chunks,
    held_out,
    load,
    origin,
    quiet,
    sample,
    whole,
)
from musiclm.pipeline import MusicLM

# Of the codec, as far as there are; those that the system draws in any case.
LEVELS = (24, 16, 12, 8, 6, 4)
ORIGINALS, OTHERS, CHANCE = "originals", "other clips", "another clip (chance)"
AT_ONCE = 8  # clips
TEXT = "text"  # MuLan's tokens of a caption, in place of those of the sound
TOO_FINE = ", fine too"
DISTANCES: dict[str, Callable[..., Estimate]] = {
    "FAD": fad.fad,
    "precision": neighbours.precision,
    "recall": neighbours.recall,
    "coverage": neighbours.coverage,
    "diversity": neighbours.diversity,
}
MEASURED = (
    *("fit of the key's profile", "repetition", "comes back after a bar or a phrase"),
    *("onsets a second", "stuck", "silent", "clipped"),
)
SHORT = (  # what one looks at first
    *("FAD", "recall", "coverage", "diversity", "drums", "family of a solo", "tempo class", "mode"),
    *("fit of the key's profile", "repetition", "comes back after a bar or a phrase"),
    *("peak_within_30_cents", "chroma_correlation", "onset_correlation", "lines_at_100_Hz_dB"),
    *("stuck",),
)
NOTES = (
    "a row holds the true tokens of the clips up to its link and draws the others as the system "
    "was released to; without `fine too` the coarse levels are decoded alone",
    "text: MuLan's tokens of the longest caption in place of those of the sound",
    "originals: the ceiling, and what distances cost between two sets of real music. FAD, "
    "precision, recall and coverage are from the other clips, by the ear that is named; they "
    "compare only within this table, and of few clips every distance is large",
    "facts: of the clips' labels, by the judge; chance: the same verdicts dealt to the clips at "
    "random",
    "kept: beside the clip itself; rows whose melody is drawn have none to keep",
    *LIKENESS_NOTES,
    HUM_NOTE,
    "joints: percentile of the spectral distance across the places where a stage begins anew, "
    "among the originals' there, 0.5 as in music; beyond: share above their 95th, 0.05 by itself. "
    "Rows that draw no such stage tell what the rest of the chain costs at the same places",
)


@dataclass(frozen=True)
class Link:
    """One row: which tokens are true, and whether fine ones are drawn."""

    name: str
    given: tuple[str, ...] = ()  # true streams, by the names of PARTS, or TEXT
    fine: bool = False
    levels: int = 0  # of the codec's, where nothing is drawn

    @property
    def own(self) -> bool:
        """Whether the clip's own melody is among what is given."""
        return not self.given or "semantic" in self.given


@dataclass(frozen=True)
class Made:
    """A row's clips, and all that was heard in them."""

    link: Link
    waves: Float[Tensor, "b t"]
    heard: Judged


def stages(
    music: MusicLM,
    clips: Sequence[Clip],
    judges: Judges,
    *,
    n: int = 80,
    seed: int = 0,
    splits: Sequence[str] = ("test",),
    seconds: float = SECONDS,
    folder: Path | None = None,
    batch: int = 8,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """The link table of a system on at most `n` clips; the clips of each row go to `folder`."""
    ours, others = halves(whole(held_out(clips, splits), seconds), n, seed)
    judges = replace(judges, embedders=judges.embedders[:1])  # one ear for all distances
    untold = sum(not clip.captions for clip in ours)
    links, waves = chain(music, text=not untold), load(ours, seconds)
    with nullcontext(folder) if folder else TemporaryDirectory() as place:
        root = _opened(Path(str(place)))
        sounds = {ORIGINALS: waves, **render(music, links, waves, ours, seed, batch, progress)}

        def heard(name: str, sound: Float[Tensor, "b 1 t"], of: Sequence[Clip]) -> Judged:
            return judged(_kept(root, name, sound, of), name, judges, progress)

        real = heard(OTHERS, load(others, seconds), others)
        rows = [
            Made(link, sounds[link.name][:, 0], heard(link.name, sounds[link.name], ours))
            for link in (Link(ORIGINALS), *links)
        ]
    notes = [f"{untold} of {len(ours)} clips have no caption: no row from text"] if untold else []
    figures = report(
        "stages",
        f"{origin(ours)}; {seconds:g} s each, system {music.system.name}, seed {seed}; distances "
        f"from {len(others)} clips of other works",
        tables(music, rows, real, seconds),
        [*NOTES, *notes],
    )
    made = plain(figures)
    assert isinstance(made, dict)
    return made


def halves(clips: Sequence[Clip], n: int, seed: int) -> tuple[list[Clip], list[Clip]]:
    """Two sets of equal size, at most `n`, that share no work."""
    if n < 2:
        raise UserError(f"a link table needs 2 clips or more in a row, not {n}")
    works = list(dict.fromkeys(clip.work or clip.id for clip in clips))
    order = np.random.default_rng(seed).permutation(len(works))
    first = {works[i] for i in order[::2]}
    ours = [clip for clip in clips if (clip.work or clip.id) in first]
    others = [clip for clip in clips if (clip.work or clip.id) not in first]
    size = min(n, len(ours), len(others))
    if size < 2:
        raise UserError(
            f"a link table needs two clips of different works in each of two halves; the manifest "
            f"has {len(clips)} such clips of {len(works)} works"
        )
    return sample(ours, size, seed), sample(others, size, seed)


def chain(music: MusicLM, text: bool = True) -> list[Link]:
    """The rows below the originals, in the order of the chain."""
    levels, drawn = music.tokenizers.codec.config.levels, coarse_levels(music)
    counts = sorted({q for q in LEVELS if q <= levels} | {levels, drawn}, reverse=True)
    links = [Link(f"codec, {q} levels", levels=q) for q in counts]
    fine = "fine" in music.stages
    if fine:
        links.append(Link("+ fine drawn", ("mulan", "semantic", "coarse"), fine=True))
    starts = {
        "+ coarse drawn": ("mulan", "semantic"),
        "+ semantic drawn": ("mulan",),
        "+ text": (TEXT,),
    }
    for name, given in starts.items():
        if given != (TEXT,) or text:
            links.append(Link(name, given))
            links += [Link(name + TOO_FINE, given, fine=True)] if fine else []
    return links


def render(
    music: MusicLM,
    links: Sequence[Link],
    waves: Float[Tensor, "b 1 t"],
    clips: Sequence[Clip],
    seed: int,
    batch: int,
    progress: Progress = quiet,
) -> dict[str, Float[Tensor, "b 1 t"]]:
    """The clips of each row by its name; clip i is drawn with seed + i."""
    found: dict[str, list[Tensor]] = {link.name: [] for link in links}
    for part in chunks(range(len(waves)), batch):
        told = [_caption(clips[i]) or "" for i in part]
        rendered = _batch(music, links, waves[part], told, [seed + i for i in part])
        for done, (name, wave) in enumerate(rendered):
            progress("links", part[0] * len(links) + done * len(part), len(waves) * len(links))
            missing = waves.shape[-1] - wave.shape[-1]  # or, below zero, too many
            found[name].append(F.pad(wave, (0, missing)))
    return {name: torch.cat(parts) for name, parts in found.items()}


def _batch(
    music: MusicLM,
    links: Sequence[Link],
    waves: Float[Tensor, "b 1 t"],
    texts: Sequence[str],
    seeds: Sequence[int],
) -> Iterator[tuple[str, Float[Tensor, "b 1 t"]]]:
    heard, seconds = true_tokens(music, waves), waves.shape[-1] / SAMPLE_RATE
    truth = {
        "mulan": heard.mulan,
        "semantic": heard.semantic,
        "coarse": heard.acoustic[..., : coarse_levels(music)],
    }
    drawn: dict[tuple[str, ...], dict[str, Tensor]] = {}  # a row goes on from the one before it
    for link in links:
        if link.levels:
            yield link.name, sound_of(music, {"coarse": heard.acoustic[..., : link.levels]})
            continue
        if link.given == (TEXT,) and link.given not in drawn:
            told = music.tokenizers.mulan.tokenize_text(list(texts))
            drawn[link.given] = {"mulan": told.to(device_of(music))}
        streams = drawn.get(link.given) or {name: truth[name] for name in link.given}
        drawn[link.given] = draw_rest(music, streams, seconds, seeds, fine=link.fine)
        yield link.name, sound_of(music, drawn[link.given])


def _opened(root: Path) -> Path:
    """Before anything is drawn, for drawing takes minutes."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot keep clips in {root}: {error.strerror}") from error
    return root


def _kept(root: Path, name: str, waves: Float[Tensor, "b 1 t"], clips: Sequence[Clip]) -> Folder:
    """Write a row's clips, and what their recordings are where `evaluate music` finds it."""
    place = _opened(root / name.removeprefix("+ ").replace(",", "").replace(" ", "-"))
    recordings, told = [], []
    for number, (clip, wave) in enumerate(zip(clips, waves, strict=True)):
        path = place / f"{number:03d}.wav"
        Waveform(wave[0].numpy()).save(path, {"recording": clip.id})
        # No prompt: a fact counts whether or not a caption says it, for it is in the sound.
        recordings.append(Recording(path, clip.id, None, clip.labels))
        told.append((path.name, _caption(clip), clip.labels))
    write_prompts(place, told)
    return Folder(name, tuple(recordings))


def _caption(clip: Clip) -> str | None:
    """The longest says most."""
    return max(clip.captions, key=len, default=None)


def tables(
    music: MusicLM, rows: Sequence[Made], real: Judged, seconds: float
) -> list[dict[str, Any]]:
    """A table for each kind of figure, with the same rows, and first the figures in short."""
    ear = next(iter(real.embedded))
    told = {
        one.link.name: {
            fact: answer for (fact, by), answer in one.heard.answers().items() if by == "judge"
        }
        for one in rows
    }
    named = {
        f"Distance from other held-out clips, {ear}": [
            row(one.link.name, **_distances(one.heard, real, ear)) for one in rows
        ],
        "Facts of the clips, as the judge hears them": [
            row(name, **{what: a.estimate for what, a in found.items()})
            for name, found in told.items()
        ],
        "Chance of the facts": [
            row(name, **{what: a.chance for what, a in found.items()})
            for name, found in told.items()
        ],
        "Kept of the clip itself": _likeness(rows),
        "Structure and health": _structure(rows),
        "Joints": _joints(music, rows, seconds),
    }
    full = [table(title, lines) for title, lines in named.items() if any(len(x) > 1 for x in lines)]
    return [table("The chain, link by link", _short(rows, full)), *full]


def _distances(one: Judged, real: Judged, ear: str) -> dict[str, Estimate | str]:
    found: dict[str, Estimate | str] = {}
    for name, measure in DISTANCES.items():
        try:
            found[name] = measure(real.embedded[ear], one.embedded[ear])
        except UserError as error:
            found[name] = f"not measured: {error}"
    return found


def _likeness(rows: Sequence[Made]) -> list[dict[str, Any]]:
    """Beside the originals, which are the first row; and the originals in another order."""
    originals = rows[0].waves
    pairs = [(one.link.name, one.waves) for one in rows if one.link.own]
    others = (CHANCE, originals.roll(1, dims=0))
    return [row(name, **_each(likeness, originals, waves)) for name, waves in (*pairs, others)]


def _structure(rows: Sequence[Made]) -> list[dict[str, Any]]:
    lines = []
    for one in rows:
        cells = {
            what: share(one.heard.measured(what) > 0)
            if what in SHARES
            else mean(one.heard.measured(what))
            for what in MEASURED
        }
        lines.append(row(one.link.name, **cells, **_each(hum, one.waves)))
    return lines


def _each(
    measure: Callable[..., dict[str, Float[Tensor, " b"]]], *waves: Float[Tensor, "b t"]
) -> dict[str, Estimate]:
    """A few clips at a time, for spectra are larger than what they are of."""
    parts = [measure(*some) for some in zip(*(one.split(AT_ONCE) for one in waves), strict=True)]
    return {key: mean(torch.cat([part[key] for part in parts]).numpy()) for key in parts[0]}


def _joints(music: MusicLM, rows: Sequence[Made], seconds: float) -> list[dict[str, Any]]:
    cells: list[dict[str, Estimate]] = [{} for _ in rows]
    for name, model in music.stages.items():
        places = joints(model.config.stage, seconds)
        if places:
            heard = [
                torch.cat([jumps(some, places) for some in one.waves.split(AT_ONCE)])
                for one in rows
            ]
            real = heard[0]  # the originals
            for found, made in zip(cells, heard, strict=True):
                found[f"joints of {name}"] = mean(rank(real, made).numpy())
                found[f"beyond, {name}"] = mean(beyond(real, made).numpy())
    return [row(one.link.name, **found) for one, found in zip(rows, cells, strict=True)]


def _short(rows: Sequence[Made], full: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The values alone of what one looks at first."""
    found: dict[str, dict[str, Any]] = {one.link.name: {} for one in rows}
    for one in full:
        if not one["title"].startswith("Chance"):
            for line in one["rows"]:
                found.setdefault(line["what"], {}).update(line)
    columns = [*SHORT, *sorted({key for line in found.values() for key in line if "joints" in key})]
    lines = []
    for name, cells in found.items():
        told = {what: cells[what] for what in columns if isinstance(cells.get(what), Mapping)}
        lines.append(row(name, **{what: cell["value"] for what, cell in told.items()}))
    return lines
