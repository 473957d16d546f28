"""The release report: a system between its ceiling and its floor, beside a simple baseline.

Held-out recordings are described in held-out words; everybody is asked for the same (MusicLM
section 5). The recordings themselves and their sound through the codec are the ceiling, the
system's own clips under the prompts of others the floor. The baseline looks for the nearest
training recording by MuLan. The paper's ablation, without semantic tokens, takes a second system.

    folders = contenders(MusicLM.from_pretrained("mini"), clips, Path("release"), n=100)
    figures = release(folders, reference(clips, asked_for(clips, 100, 0)), Judges.load())
    figures = with_links(figures, stages(model, clips, Judges.load()))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import Waveform, read
from musiclm.codec.soundstream import SoundStream
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.clips import PROMPTS, Folder, Recording, open_folder, write_prompts
from musiclm.evaluate.control import sing, through
from musiclm.evaluate.judges import Judges
from musiclm.evaluate.music import music
from musiclm.evaluate.prompts import in_words
from musiclm.evaluate.report import row, table
from musiclm.evaluate.sound import SECONDS, Progress, chunks, held_out, load, quiet, sample, whole
from musiclm.pipeline import MusicLM

REAL, CODEC, SHUFFLED = "real renders", "through the codec", "under other prompts"
RETRIEVED, ABLATED = "nearest training clip", "without semantic tokens"
POOL = 2000  # training clips that the baseline chooses from
AT_ONCE = 8
FIRST = (  # what a short table shows
    "FAD, judge",
    "KAD, judge",
    "KLD clip by clip",
    "text and sound",
    "drums (judge)",
    "family of a solo (judge)",
    "tempo class (judge)",
    "style (judge)",
    "repetition",
    "fit of the key's profile",
)
Waves = Iterable[Float[np.ndarray, " t"]]


@dataclass(frozen=True)
class Asked:
    """One held-out recording and the sentence that everybody is given for it."""

    clip: Clip
    text: str


def asked_for(clips: Sequence[Clip], n: int, seed: int) -> list[Asked]:
    """`n` test clips of a composed corpus in words that training never saw."""
    chosen = sample(whole(held_out(clips)), n, seed)
    rng = np.random.default_rng([seed, 5])
    try:
        return [Asked(clip, in_words(clip.labels, rng)) for clip in chosen]
    except (KeyError, TypeError) as error:
        raise UserError(
            "the release report needs a corpus of `musiclm data compose`, whose labels say what "
            f"is in each clip ({error} is missing)"
        ) from error


def reference(clips: Sequence[Clip], asked: Sequence[Asked]) -> Folder:
    """Held-out recordings that nobody was asked for: what distances are taken from."""
    taken = {one.clip.work or one.clip.id for one in asked}
    others = [
        clip
        for clip in whole(held_out(clips, ("test", "valid")))
        if (clip.work or clip.id) not in taken
    ]
    if len(others) < 2:
        raise UserError("the corpus has no held-out works left for a reference: ask for fewer")
    recordings = (Recording(Path(one.path), one.id, None, one.labels) for one in others)
    return Folder("held-out works", tuple(recordings))


def contenders(
    model: MusicLM,
    clips: Sequence[Clip],
    folder: Path,
    *,
    n: int = 100,
    seed: int = 0,
    ablated: MusicLM | None = None,
    progress: Progress = quiet,
) -> list[Folder]:
    """Write a folder of clips for each contender, the system first; what is there is kept."""
    asked = asked_for(clips, n, seed)
    names = [f"{one.clip.id}.wav" for one in asked]
    texts = [one.text for one in asked]

    def entered(what: str, make: Callable[[], Waves], told: Sequence[Asked] = asked) -> Folder:
        place = folder / what.replace(" ", "-")
        pairs = zip(names, told, strict=True)
        rows = [(name, one.text, one.clip.labels) for name, one in pairs]
        _kept(place, rows, make, progress)
        return Folder(what, open_folder(place).recordings)

    def sung(by: MusicLM) -> Waves:
        return sing(by, texts, seed=seed, duration=SECONDS, batch=AT_ONCE, progress=progress)

    system = model.system.name
    found = [entered(system, lambda: sung(model))]
    made = folder / system.replace(" ", "-")
    if ablated is not None:
        found.append(entered(ABLATED, lambda: sung(ablated)))
    found += [
        entered(RETRIEVED, lambda: _nearest(model, clips, texts, seed, progress)),
        entered(CODEC, lambda: _coded(model.tokenizers.codec, asked)),
        entered(REAL, lambda: (one[0].numpy() for one in load([a.clip for a in asked]))),
    ]
    # Rotated by half, for neighbours in a corpus may be alike.
    half = len(asked) // 2
    again = (read(made / name).samples for name in names)
    return [*found, entered(SHUFFLED, lambda: again, [*asked[half:], *asked[:half]])]


def release(
    folders: Sequence[Folder], held: Folder, judges: Judges, progress: Progress = quiet
) -> dict[str, Any]:
    """What `evaluate music` says of the contenders, with a plain word on each."""
    figures = music(folders, judges, reference=held, described=REAL, progress=progress)
    notes = [
        f"{REAL}: the test recordings whose facts the prompts say; {CODEC}: the ceiling of the "
        "acoustic tokens",
        f"{SHUFFLED}: the first column's clips with the prompts of others, the floor of fit and "
        "control; distances do not see prompts",
        f"{RETRIEVED}: of {POOL} training clips the one that MuLan finds nearest to the sentence: "
        "it composes nothing and is never at fault in sound",
    ]
    tables = [table("In short", digest(figures["tables"], folders)), *figures["tables"]]
    return figures | {"claim": "release", "notes": [*notes, *figures["notes"]], "tables": tables}


def with_links(figures: Mapping[str, Any], links: Mapping[str, Any]) -> dict[str, Any]:
    """The report, and where the system loses what a recording holds: `musiclm.evaluate.stages`."""
    notes = [f"links: {links['reference']}", *links["notes"]]
    tables = [table(f"Links: {one['title']}", one["rows"]) for one in links["tables"]]
    return dict(figures) | {
        "tables": [*figures["tables"], *tables],
        "notes": [*figures["notes"], *notes],
    }


def digest(tables: Sequence[Mapping[str, Any]], folders: Sequence[Folder]) -> list[dict[str, Any]]:
    """A row for each contender, and the figures that one looks at first."""
    found: dict[str, Mapping[str, Any]] = {}
    for one in tables:
        for line in one["rows"]:
            judge = f" ({line['judged_by']})" if "judged_by" in line else ""
            found.setdefault(line["what"] + judge, line)
    picked = {name: line for name, line in found.items() if name.startswith(FIRST)}
    return [
        row(one.name, **{name: line.get(one.name) for name, line in picked.items()})
        for one in folders
    ]


def _kept(
    place: Path,
    rows: Sequence[tuple[str, str, dict[str, Any]]],
    make: Callable[[], Waves],
    progress: Progress,
) -> None:
    """Make the clips of a folder, unless an earlier run has made them for the same prompts."""
    if (place / PROMPTS).exists():
        before = {(one.path.name, one.prompt) for one in open_folder(place).recordings}
        if before == {(name, text) for name, text, _ in rows}:
            return
        raise UserError(f"{place} holds clips of other prompts; give another folder")
    place.mkdir(parents=True, exist_ok=True)
    for done, ((name, text, _), samples) in enumerate(zip(rows, make(), strict=True)):
        progress(place.name, done, len(rows))
        Waveform(np.ascontiguousarray(samples)).save(place / name, {"prompt": text})
    write_prompts(place, rows)


@torch.inference_mode()
def _coded(codec: SoundStream, asked: Sequence[Asked]) -> Waves:
    for group in chunks(asked, AT_ONCE):
        back = through(codec)(load([one.clip for one in group])).float()
        yield from (wave[0].numpy() for wave in back)


@torch.inference_mode()
def _nearest(
    model: MusicLM, clips: Sequence[Clip], texts: Sequence[str], seed: int, progress: Progress
) -> Waves:
    """The training clip whose embedding is nearest to each sentence's; one may serve twice."""
    pool = sample(whole(held_out(clips, ("train",))), POOL, seed)
    mulan = model.tokenizers.mulan.mulan
    device = next(mulan.parameters()).device
    heard: list[Float[Tensor, "b d"]] = []
    for group in chunks(pool, AT_ONCE):
        progress("listening to the corpus", len(heard) * AT_ONCE, len(pool))
        heard.append(mulan.embed_audio(load(group).to(device)))
    best = mulan.similarity(torch.cat(heard), mulan.embed_text(list(texts))).argmax(dim=0)
    return (load([pool[i]])[0, 0].numpy() for i in best.tolist())
