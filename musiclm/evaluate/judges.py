"""Who judges a folder of clips, and all that they heard in it.

judges = Judges.load(("judge", "mulan"), cache=default_cache())
ours = judged(open_folder("clips"), "ours", judges)
ours.fits("mulan (mini)").mean()
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from musiclm.evaluate.analyst import Analyst, Heard
from musiclm.evaluate.clips import Folder
from musiclm.evaluate.embedders.base import Embedder, Tagger, TextEmbedder, unit
from musiclm.evaluate.embedders.cache import embed_folder, tag_folder
from musiclm.evaluate.embedders.catalogue import load_embedder, load_tagger
from musiclm.evaluate.facts import Answer, answers
from musiclm.evaluate.sound import Progress, quiet

ALWAYS = ("judge", "mulan")
MEASURED: dict[str, Callable[[Heard], float | None]] = {
    "loudness (LUFS)": lambda h: h.structure.loudness,
    "95 % of the energy below (Hz)": lambda h: h.structure.rolloff_95,
    "99 % of the energy below (Hz)": lambda h: h.structure.rolloff_99,
    "onsets a second": lambda h: h.structure.onsets_per_second,
    "repetition": lambda h: h.structure.repetition,
    "greatest novelty": lambda h: h.structure.novelty,
    "fit of the key's profile": lambda h: h.structure.key_fit,
    "share of silence": lambda h: h.structure.health.silent_share,
    "longest stillness (s)": lambda h: h.structure.health.still_seconds,
}
SHARES: dict[str, Callable[[Heard], bool]] = {
    "comes back after a bar or a phrase": lambda h: h.structure.recurs,
    "silent": lambda h: h.structure.health.silent,
    "clipped": lambda h: h.structure.health.clipped,
    "stuck": lambda h: h.structure.health.stuck,
}


@dataclass(frozen=True)
class Judges:
    """Who hears the clips."""

    embedders: tuple[Embedder, ...]
    tagger: Tagger
    analyst: Analyst = field(default_factory=Analyst)
    cache: Path | None = None

    @classmethod
    def load(
        cls,
        embedders: Sequence[str] = ALWAYS,
        tagger: str = "judge",
        *,
        model: str | Path = "mini",
        cache: Path | None = None,
    ) -> "Judges":
        """By the names of `musiclm.evaluate.embedders.catalogue`."""
        ears = tuple(load_embedder(one, model) for one in dict.fromkeys(embedders))
        return cls(ears, load_tagger(tagger), cache=cache)

    @property
    def readers(self) -> tuple[TextEmbedder, ...]:
        """Those whose space holds sentences too."""
        return tuple(one for one in self.embedders if isinstance(one, TextEmbedder))


@dataclass(frozen=True)
class Judged:
    """One folder, and all that was heard in it."""

    folder: Folder
    name: str
    heard: Sequence[Heard]
    embedded: Mapping[str, Sequence[Float[np.ndarray, "_ _"]]]  # by ear
    tags: Float[np.ndarray, "c l"]
    texts: Mapping[str, Float[np.ndarray, "_ _"]]  # by ear, of the clips that have a prompt
    styles: Sequence[str] = ()

    @cached_property
    def asked(self) -> list[int]:
        """Places of the clips that have a prompt."""
        return [i for i, one in enumerate(self.folder.recordings) if one.prompt]

    def fits(self, ear: str) -> Float[np.ndarray, " c"]:
        """Cosine of each clip with its own prompt; no number where it has none."""
        found = np.full(len(self.heard), np.nan)
        found[self.asked] = self._cosines(ear).diagonal()
        return found

    def chance(self, ear: str) -> float:
        """Mean cosine of clips with the prompts of others."""
        cosines = self._cosines(ear)
        others = ~np.eye(len(cosines), dtype=bool)
        return float(cosines[others].mean()) if others.any() else float("nan")

    def answers(self, places: Sequence[int] | None = None) -> dict[tuple[str, str], Answer]:
        """By question and by whom."""
        chosen = range(len(self.heard)) if places is None else places
        recordings = [self.folder.recordings[i] for i in chosen]
        told = answers(recordings, [self.heard[i] for i in chosen], self.styles)
        return {(one.question.name, one.question.by): one for one in told}

    def measured(self, name: str) -> Float[np.ndarray, " c"]:
        """One figure of each clip."""
        if name in SHARES:
            return np.array([float(SHARES[name](one)) for one in self.heard])
        found = [MEASURED[name](one) for one in self.heard]
        return np.array([np.nan if one is None else one for one in found], dtype=np.float64)

    def _cosines(self, ear: str) -> Float[np.ndarray, "n n"]:
        if not self.asked:
            return np.empty((0, 0))
        sound = np.stack([unit(self.embedded[ear][i]).mean(axis=0) for i in self.asked])
        return sound @ unit(self.texts[ear]).T


def judged(folder: Folder, name: str, judges: Judges, progress: Progress = quiet) -> Judged:
    """Let everybody hear a folder; what was heard before is not heard again."""
    clips, cache = folder.recordings, judges.cache
    rows = tag_folder(judges.analyst, clips, cache, progress)
    prompts = [one.prompt for one in clips if one.prompt]
    return Judged(
        folder,
        name,
        [judges.analyst.told(one) for one in rows],
        {ear.name: embed_folder(ear, clips, cache, progress) for ear in judges.embedders},
        tag_folder(judges.tagger, clips, cache, progress),
        {ear.name: ear.embed_text(prompts) for ear in judges.readers if prompts},
        judges.analyst.styles,
    )
