"""Claim: text is understood, not only recognised: what contradicts it, and what only rewords it.

A clip is put beside two captions that differ in one fact, one true of it and one not; and its
caption is reworded, shuffled and denied, to see what of retrieval and of the tokens remains.

>>> shuffled("A calm piano piece.", np.random.default_rng(1)).split().count("piano")
1
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from musiclm.corpus.captions import captions
from musiclm.corpus.contradict import KINDS, LONG, first_rivals
from musiclm.corpus.vocabulary import INSTRUMENTS
from musiclm.data.manifest import Clip
from musiclm.evaluate.intervals import mean, share
from musiclm.evaluate.report import row
from musiclm.evaluate.retrieval import ranks

Embed = Callable[[Sequence[str]], Float[Tensor, "n d"]]
Tokens = Callable[[Float[Tensor, "n d"]], Tensor]
SENTENCE = 1  # the place of the plain sentence among a clip's captions


def shuffled(text: str, rng: np.random.Generator) -> str:
    """The words in any order."""
    words = text.split()
    return " ".join(words[i] for i in rng.permutation(len(words)))


def preferred(
    audio: Float[Tensor, "n d"], right: Float[Tensor, "n d"], wrong: Float[Tensor, "n d"]
) -> Bool[np.ndarray, " n"]:
    """Which clips lie nearer to the right caption; nearest to both is not good enough.

    >>> import torch
    >>> preferred(torch.eye(2), torch.eye(2), torch.eye(2).roll(1, 0)).tolist()
    [True, True]
    """
    near = F.cosine_similarity(audio, right) - F.cosine_similarity(audio, wrong)
    return (near > 0).cpu().numpy()


def rival_rows(
    embed: Embed, clips: Sequence[Clip], audio: Float[Tensor, "n d"], seed: int
) -> list[dict[str, Any]]:
    """How often the right of two captions is nearer, in all and by the fact they differ in."""
    rows = []
    for title, form, wording in (
        ("long captions, as in MusicCaps", LONG, "train"),
        ("sentences", SENTENCE, "train"),
        ("long captions in held-out words", LONG, "heldout"),
    ):
        told = {i: rivals(clip, i, form, wording, seed) for i, clip in enumerate(clips)}
        pairs = {i: pair for i, pair in told.items() if pair}
        if not pairs:
            continue
        right = embed([pair[0] for pair in pairs.values()])
        wrong = embed([pair[1] for pair in pairs.values()])
        hits = preferred(audio[list(pairs)], right, wrong)
        kinds = np.array([pair[2] for pair in pairs.values()])
        cells = {kind: share(hits[kinds == kind]) for kind in KINDS if (kinds == kind).any()}
        rows.append(row(title, right=share(hits), **cells))
    return [*rows, row("chance", right=0.5)] if rows else []


def rivals(
    clip: Clip, number: int, form: int, wording: str, seed: int
) -> tuple[str, str, str] | None:
    """A right and a wrong caption and the kind of their difference; kinds take turns by number."""
    rng = np.random.default_rng((seed, form, *clip.id.encode()))
    first = number % len(KINDS)
    kinds = KINDS[first:] + KINDS[:first]
    try:
        return first_rivals(clip.labels, rng, kinds, form=form, wording=wording)
    except KeyError:  # labels that are not of our corpus
        return None


def reworded(clips: Sequence[Clip], seed: int) -> dict[str, list[str]]:
    """A long caption of each clip in several wordings, the first two of the same words."""
    told: dict[str, list[str]] = {}
    for title, wording, draw in (
        ("a long caption", "train", 0),
        ("paraphrased: other words, sentences and choice of facts", "train", 1),
        ("held-out synonyms and sentences", "heldout", 2),
    ):
        told[title] = [_told(clip, wording, draw, seed) for clip in clips]
    plain = told["a long caption"]
    rng = np.random.default_rng(seed)
    told["words in any order"] = [shuffled(text, rng) for text in plain]
    told["first sentence only"] = [text.split(". ")[0] for text in plain]
    told["in capitals, no full stops"] = [text.upper().replace(".", "") for text in plain]
    return told


def _told(clip: Clip, wording: str, draw: int, seed: int) -> str:
    rng = np.random.default_rng((seed, draw, *clip.id.encode()))
    return captions(clip.labels, rng, wording=wording)[LONG]


def reworded_rows(
    embed: Embed, tokens: Tokens, clips: Sequence[Clip], audio: Float[Tensor, "n d"], seed: int
) -> list[dict[str, Any]]:
    """Recall of the clip, and how near embedding and tokens stay to those of the first wording."""
    try:
        told = reworded(clips, seed)
    except KeyError:
        return []
    rows, first = [], None
    for title, texts in told.items():
        text = embed(texts)
        first = text if first is None else first
        same = (tokens(text) == tokens(first)).cpu().numpy()
        rows.append(
            row(
                title,
                recall_at_10=share((ranks(text, audio) < 10).cpu().numpy()),
                cosine=mean(F.cosine_similarity(text, first).cpu().numpy()),
                same_token_1=float(same[:, 0].mean()),
                same_token_2=float(same[:, 1:2].mean()),
            )
        )
    return rows


def denial_rows(
    embed: Embed, clips: Sequence[Clip], audio: Float[Tensor, "n d"]
) -> list[dict[str, Any]]:
    """Sentences that differ by a "no": which of them the clip lies nearer to."""
    rows = []
    drums = [i for i, clip in enumerate(clips) if clip.labels.get("drums") is not None]
    if drums:
        has = np.array([bool(clips[i].labels["drums"]) for i in drums])
        pair = embed(["music with drums", "music without drums"])
        said, denied = (line.expand(len(drums), -1) for line in pair)
        with_them = preferred(audio[drums], said, denied)
        rows += [
            row("with drums / without drums, drums play", right=share(with_them[has])),
            row("with drums / without drums, none play", right=share(~with_them[~has])),
        ]
    leads = [(i, _lead(clip)) for i, clip in enumerate(clips)]
    known = [(i, name) for i, name in leads if name]
    if known:
        at = [i for i, _ in known]
        said = embed([f"music with a {name}" for _, name in known])
        denied = embed([f"music without a {name}" for _, name in known])
        absent = [known[(k + len(known) // 2) % len(known)][1] for k in range(len(known))]
        free = [k for k, (i, _) in enumerate(known) if absent[k] not in _names(clips[i])]
        rows.append(
            row("with its lead / without it", right=share(preferred(audio[at], said, denied)))
        )
        if free:
            other = embed([f"music with a {absent[k]}" for k in free])
            none = embed([f"music without a {absent[k]}" for k in free])
            truth = preferred(audio[[at[k] for k in free]], none, other)
            rows.append(row("with / without an instrument that does not play", right=share(truth)))
    return [*rows, row("chance", right=0.5)] if rows else []


def _lead(clip: Clip) -> str | None:
    players = clip.labels.get("instruments") or [{}]
    program = players[0].get("program")
    drums = players[0].get("family") == "drums"
    return None if drums or program not in INSTRUMENTS else INSTRUMENTS[program].name


def _names(clip: Clip) -> set[str]:
    return {str(player["name"]) for player in clip.labels["instruments"]}
