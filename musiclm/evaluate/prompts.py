"""Prompts with known facts, in words and about pieces that training never saw.

Each describes a piece that is composed (not rendered) for it, with the held-out wording of the
corpus. What is asked of every clip, drums or none and a tempo, is always said.

>>> asked = prompts(10, seed=0)
>>> len(asked), asked == prompts(10, seed=0), sum(one.family is not None for one in asked)
(10, True, 4)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from musiclm.corpus.arrange import compose_piece
from musiclm.corpus.captions import captions
from musiclm.corpus.labels import describe
from musiclm.corpus.perform import perform
from musiclm.corpus.vocabulary import FAMILIES
from musiclm.corpus.wording import WORDINGS
from musiclm.data.manifest import Clip
from musiclm.evaluate.labels import TEMPOS, drums_of, family_of, tempo_of

SOLOS = 0.4  # share of the prompts that ask for one instrument alone, without drums
DRUMLESS = 0.4  # share of the other prompts that ask for no drums
STREAM = 0x70726F6D  # keeps these pieces apart from those of any corpus of the same seed
SECONDS = 10.0
MOST_TRIES = 100_000  # pieces composed for one texture; a hundred prompts take some 200
HELDOUT = WORDINGS["heldout"]
Told = tuple[str, dict[str, Any]]  # a sentence, and the labels of the piece that it tells of


class Cell(NamedTuple):
    """The facts that a prompt asks for."""

    family: str | None
    drums: bool
    tempo: str


@dataclass(frozen=True)
class Prompt:
    """A sentence, and the facts that a clip which follows it has."""

    text: str
    drums: bool
    tempo: str
    family: str | None = None  # of the instrument that plays alone
    facts: dict[str, Any] = field(default_factory=dict, compare=False)  # all labels of the piece


def prompts(n: int = 100, seed: int = 0) -> list[Prompt]:
    """`n` prompts: solos over families and tempos, then groups with and without drums."""
    rng = np.random.default_rng([STREAM, seed])
    cells = _cells(n, rng)
    texts: dict[str, dict[Cell, list[Told]]] = {
        texture: _texts(rng, texture, Counter(cell for cell in cells if _texture(cell) == texture))
        for texture in ("solo", "ensemble", "band")
    }
    return [
        Prompt(text, cell.drums, cell.tempo, cell.family, labels)
        for cell in cells
        for text, labels in [texts[_texture(cell)][cell].pop()]
    ]


def _cells(n: int, rng: np.random.Generator) -> list[Cell]:
    solos = round(SOLOS * n)
    drumless = round(DRUMLESS * (n - solos))
    families = rng.permutation(FAMILIES).tolist()
    cells = []
    for i in range(solos):
        # The tempo moves on by one more each time round, so that all pairs come up.
        tempo = TEMPOS[(i + i // len(families)) % len(TEMPOS)]
        cells.append(Cell(families[i % len(families)], False, tempo))
    for i in range(n - solos):
        cells.append(Cell(None, i >= drumless, TEMPOS[i % len(TEMPOS)]))
    return cells


def fits(prompt: Prompt, clip: Clip) -> bool:
    """Whether a real recording has the facts that the prompt asks for."""
    return (
        drums_of(clip) == prompt.drums
        and tempo_of(clip) == TEMPOS.index(prompt.tempo)
        and (clip.labels.get("texture") == "solo") == (prompt.family is not None)
        and (prompt.family is None or family_of(clip) == FAMILIES.index(prompt.family))
    )


def _texture(cell: Cell) -> str:
    return "solo" if cell.family else "band" if cell.drums else "ensemble"


def _texts(rng: np.random.Generator, texture: str, wanted: Counter[Cell]) -> dict[Cell, list[Told]]:
    """Compose pieces of a texture until each cell has its number; say each in words."""
    texts: dict[Cell, list[Told]] = {cell: [] for cell in wanted}
    for _ in range(MOST_TRIES):
        if all(len(texts[cell]) == number for cell, number in wanted.items()):
            return texts
        piece = compose_piece(rng, SECONDS, texture)
        labels = describe(piece, perform(piece, rng, SECONDS), SECONDS)
        family = (*labels["families"], None)[0] if texture == "solo" else None
        cell = Cell(family, labels["drums"], piece.tempo_class)
        if len(texts.get(cell, ())) < wanted[cell]:
            texts[cell].append((in_words(labels, rng), labels))
    raise AssertionError(f"the composer never filled {wanted}")


def in_words(labels: dict[str, Any], rng: np.random.Generator) -> str:
    """One held-out sentence, and what it leaves unsaid of tempo and drums."""
    sentence = captions(labels, rng, wording="heldout")[1]
    told = [sentence]
    tempo = labels["tempo_class"]
    if not _says(sentence, HELDOUT.tempo[tempo]):
        told.append(f"Its pace is {rng.choice(HELDOUT.pace[tempo])}.")
    if labels["drums"] and "drum" not in sentence:
        told.append("A drum kit drives the rhythm.")
    if not labels["drums"] and not _says(sentence, (*HELDOUT.no_drums, *HELDOUT.no_percussion)):
        told.append("Drums are absent.")
    return " ".join(told)


def _says(sentence: str, words: Sequence[str]) -> bool:
    return any(word.lower() in sentence.lower() for word in words)
