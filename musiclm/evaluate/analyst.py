"""All that is heard in one clip, by signal analysis and by the independent judge, and kept.

Told as a row of numbers, so that the cache of embeddings keeps it as it keeps those: a clip is
heard once, however often it is reported on.

    rows = tag_folder(analyst, folder.recordings, default_cache())
    heard = [analyst.told(row) for row in rows]
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from musiclm.audio import SAMPLE_RATE
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.evaluate.embedders.base import identity
from musiclm.evaluate.harmony import MODES
from musiclm.evaluate.health import Health
from musiclm.evaluate.judge import Judge, Verdict, load_judge
from musiclm.evaluate.labels import TEMPOS
from musiclm.evaluate.structure import Structure, analyse

VERSION = 1  # of what is measured: raise it when a clip would get other figures
LONGEST = 60 * SAMPLE_RATE  # samples of a clip that the judge hears: its memory grows with them
ABSENT = -1e9  # in place of what there is not
HEALTH = ("rms_db", "silent_share", "clipped_share", "still_seconds")
NUMBERS = (
    *("seconds", "loudness", "rolloff_95", "rolloff_99", "repetition", "repeats_after", "novelty"),
    *("bpm", "onsets_per_second", "key_fit"),
)
CHOICES = ("tonic", "mode", "drums", "family", "tempo", "judged_mode", "style", "judged_key")


@dataclass(frozen=True)
class Heard:
    """All that was found in one clip."""

    structure: Structure
    verdict: Verdict
    families: frozenset[str]  # that the judge hears, basses and drums left out
    key: int  # of 24, as the judge hears it


class Analyst:
    """Signal analysis and a judge, as one tagger whose labels are figures."""

    def __init__(self, judge: Judge | None = None) -> None:
        """The released judge by default."""
        self.judge = (judge or load_judge()).eval()
        self.name = "analysis"
        self.sample_rate = SAMPLE_RATE
        self.fingerprint = identity(self.judge, {"kind": "analysis", "version": VERSION})
        self.labels: tuple[str, ...] = (*HEALTH, *NUMBERS, *CHOICES, *FAMILIES)
        self.groups: tuple[tuple[int, ...], ...] = ()

    @property
    def styles(self) -> tuple[str, ...]:
        """Those that its judge knows."""
        return self.judge.config.styles

    @torch.no_grad()
    def tag(self, samples: Float[np.ndarray, " t"]) -> Float[np.ndarray, " c"]:
        """Hear a clip."""
        found = analyse(samples)
        wave = torch.from_numpy(np.ascontiguousarray(samples[:LONGEST], dtype=np.float32))
        opinion = self.judge(wave[None, None])
        figures = [getattr(found.health, name) for name in HEALTH]
        figures += [getattr(found, name) for name in NUMBERS]
        figures += [found.tonic, MODES.index(found.mode) if found.mode else None]
        figures += [float(opinion.drums[0] > 0)]
        figures += [
            int(logits[0].argmax()) if logits.shape[1] else None
            for logits in (
                opinion.family, opinion.tempo, opinion.mode, opinion.style, opinion.key
            )
        ]  # fmt: skip
        figures += (opinion.present[0] > 0).float().tolist()
        return np.array([ABSENT if one is None else float(one) for one in figures])

    def told(self, row: Float[np.ndarray, " c"]) -> Heard:
        """A row of `tag`, read."""
        values = {
            name: None if value == ABSENT else float(value)
            for name, value in zip(self.labels, row, strict=True)
        }
        choices = {
            name: None if values[name] is None else round(values[name] or 0.0) for name in CHOICES
        }
        style, mode = choices["style"], choices["mode"]
        structure = Structure(
            health=Health(*(values[name] or 0.0 for name in HEALTH)),
            tonic=choices["tonic"],
            mode=None if mode is None else MODES[mode],
            **{name: values[name] for name in NUMBERS},  # type: ignore[arg-type]
        )
        verdict = Verdict(
            drums=bool(choices["drums"]),
            family=FAMILIES[choices["family"] or 0],
            tempo=TEMPOS[choices["tempo"] or 0],
            mode=MODES[choices["judged_mode"] or 0],
            style=None if style is None else self.styles[style],
        )
        present = frozenset(name for name in FAMILIES if values[name])
        return Heard(structure, verdict, present, choices["judged_key"] or 0)
