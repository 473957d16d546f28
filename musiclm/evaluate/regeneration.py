"""Claim: semantic tokens hold the melody and the rhythm (MusicLM section 3.1; AudioLM section IV).

Only the semantic and the MuLan tokens of a recording are kept; the coarse and fine stages make
sound of them anew. If the tokens hold the melody, the pitch classes of the new sound follow those
of the recording; with the semantic tokens of another recording they do not.

    figures = regeneration(MusicLM.from_pretrained("mini"), read_manifest("corpus"), n=24)
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.drawing import draw_rest, sound_of, true_tokens
from musiclm.evaluate.intervals import mean
from musiclm.evaluate.likeness import NOTES as LIKENESS_NOTES
from musiclm.evaluate.likeness import likeness
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import SECONDS, Progress, chunks, held_out, load, quiet, sample
from musiclm.pipeline import MusicLM

OWN, SHUFFLED = "from its semantic tokens", "from shuffled semantic tokens"
CODEC, STRANGER = "through the codec alone", "another recording"


def regeneration(
    music: MusicLM,
    clips: Sequence[Clip],
    *,
    n: int = 24,
    seconds: float = SECONDS,
    seed: int = 0,
    batch: int = 4,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Likeness to the recording of sound made of its tokens, beside a floor and a ceiling."""
    chosen = sample(held_out(clips), n, seed)
    if len(chosen) < 2:
        raise UserError("regeneration needs two test clips: one is made of the other's tokens")
    waves = load(chosen, seconds)
    heard = true_tokens(music, waves, batch)
    # The next clip's tokens, chance beside the clip's own: same MuLan tokens, same seed.
    given = {OWN: heard.semantic, SHUFFLED: heard.semantic.roll(1, dims=0)}
    sounds: dict[str, list[Tensor]] = {name: [] for name in (CODEC, OWN, SHUFFLED, STRANGER)}
    sounds[STRANGER].append(waves.roll(1, dims=0))
    for done, part in enumerate(chunks(range(len(chosen)), batch)):
        progress("regeneration", done * batch, len(chosen))
        sounds[CODEC].append(sound_of(music, {"coarse": heard.acoustic[part]}))
        for name, semantic in given.items():
            streams = {"mulan": heard.mulan[part], "semantic": semantic[part]}
            drawn = draw_rest(music, streams, seconds, [seed + row for row in part])
            sounds[name].append(sound_of(music, drawn))
    rows = []
    for name, parts in sounds.items():
        made = torch.cat(parts)[..., : waves.shape[-1]].float()
        figures = likeness(waves[:, 0], made[:, 0])
        if name in given:
            figures["same_tokens"] = _same(music, made, heard.semantic)
        rows.append(row(name, **{key: mean(one.numpy()) for key, one in figures.items()}))
    return report(
        "regeneration",
        f"{len(chosen)} test clips of {seconds:g} s, system {music.system.name}",
        [table("Likeness to the recording", rows)],
        [
            *LIKENESS_NOTES,
            "same tokens: semantic tokens of the new sound that are those of the recording",
            "the stages after the semantic one draw as the system was released",
        ],
    )


def _same(
    music: MusicLM, made: Float[Tensor, "b 1 t"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    parts = [music.tokenizers.semantic.tokenize(wave.to(tokens.device)) for wave in made.split(4)]
    return (torch.cat(parts) == tokens).float().mean(dim=1).cpu()
