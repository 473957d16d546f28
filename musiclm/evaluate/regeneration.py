"""Claim: semantic tokens hold the melody and the rhythm (MusicLM section 3.1; AudioLM section IV).

Only the semantic and the MuLan tokens of a recording are kept; the coarse and fine stages make
sound of them anew. If the tokens hold the melody, the pitch classes of the new sound follow those
of the recording; with the semantic tokens of another recording they do not.

    figures = regeneration(MusicLM.from_pretrained("mini"), read_manifest("corpus"), n=24)
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.data.manifest import Clip
from musiclm.errors import UserError
from musiclm.evaluate.harmony import chroma
from musiclm.evaluate.intervals import mean
from musiclm.evaluate.report import report, row, table
from musiclm.evaluate.sound import SECONDS, Progress, chunks, held_out, load, quiet, sample
from musiclm.lm.generate import generate
from musiclm.nn.spectrogram import LogMel
from musiclm.pipeline import MusicLM

BINS, HOP = 40, SAMPLE_RATE // 100
OWN, SHUFFLED = "from its semantic tokens", "from shuffled semantic tokens"
CODEC, STRANGER = "through the codec alone", "another recording"
LIKENESS = ("chroma_correlation", "onset_correlation")


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
    tokens, mulan, acoustic = _heard(music, waves, batch)
    # The next clip's tokens, chance beside the clip's own: same MuLan tokens, same seed.
    given = {OWN: tokens, SHUFFLED: tokens.roll(1, dims=0)}
    sounds: dict[str, list[Tensor]] = {name: [] for name in (CODEC, OWN, SHUFFLED, STRANGER)}
    sounds[STRANGER].append(waves.roll(1, dims=0))
    for done, part in enumerate(chunks(range(len(chosen)), batch)):
        progress("regeneration", done * batch, len(chosen))
        sounds[CODEC].append(music.tokenizers.codec.decode(acoustic[part]).cpu())
        for name, semantic in given.items():
            sounds[name].append(sound_of(music, mulan[part], semantic[part], seconds, seed))
    rows = []
    for name, parts in sounds.items():
        made = torch.cat(parts)[..., : waves.shape[-1]].float()
        figures = likeness(waves[:, 0], made[:, 0])
        if name in given:
            figures["same_tokens"] = _same(music, made, tokens)
        rows.append(row(name, **{key: mean(one.numpy()) for key, one in figures.items()}))
    return report(
        "regeneration",
        f"{len(chosen)} test clips of {seconds:g} s, system {music.system.name}",
        [table("Likeness to the recording", rows)],
        [
            "chroma correlation: over the twelve pitch classes of each tenth of a second, averaged",
            "onset correlation: of how much louder the bands become, 25 frames a second",
            "same tokens: semantic tokens of the new sound that are those of the recording",
            "the coarse and fine stages draw as the system was released",
        ],
    )


@torch.inference_mode()
def sound_of(
    music: MusicLM,
    mulan: Int[Tensor, "b 12"],
    semantic: Int[Tensor, "b n"],
    seconds: float,
    seed: int = 0,
) -> Float[Tensor, "b 1 t"]:
    """Coarse and fine tokens drawn for these semantic ones, decoded."""
    given = {"mulan": mulan, "semantic": semantic[..., None]}
    for stage in ("coarse", "fine"):
        generators = [torch.Generator().manual_seed(seed + row) for row in range(len(mulan))]
        given[stage] = generate(
            music.stages[stage],
            given,
            seconds,
            sampling=music.system.sampling(stage),
            generators=generators,
        )
    acoustic = torch.cat([given["coarse"], given["fine"]], dim=-1)
    return music.tokenizers.codec.decode(acoustic).float().cpu()


def likeness(
    heard: Float[Tensor, "b t"], made: Float[Tensor, "b t"]
) -> dict[str, Float[Tensor, " b"]]:
    """How well pitch classes and onsets of one recording follow those of another, up to 1."""
    pitch = _correlation(chroma(heard), chroma(made), dim=-1).mean(dim=1)
    onsets = _correlation(_onsets(heard), _onsets(made), dim=-1)
    return dict(zip(LIKENESS, (pitch, onsets), strict=True))


@torch.inference_mode()
def _heard(
    music: MusicLM, waves: Float[Tensor, "b 1 t"], batch: int
) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b 12"], Int[Tensor, "b m q"]]:
    """Semantic, MuLan and acoustic tokens."""
    device = next(music.tokenizers.codec.parameters()).device
    parts = waves.to(device).split(batch)
    return (
        torch.cat([music.tokenizers.semantic.tokenize(wave) for wave in parts]),
        torch.cat([music.tokenizers.mulan.tokenize_audio(wave) for wave in parts]),
        torch.cat([music.tokenizers.codec.encode(wave) for wave in parts]),
    )


def _same(
    music: MusicLM, made: Float[Tensor, "b 1 t"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    parts = [music.tokenizers.semantic.tokenize(wave.to(tokens.device)) for wave in made.split(4)]
    return (torch.cat(parts) == tokens).float().mean(dim=1).cpu()


def _onsets(wave: Float[Tensor, "b t"]) -> Float[Tensor, "b n"]:
    mel = LogMel(SAMPLE_RATE, 1024, HOP, BINS)(wave)
    rise = F.pad((mel[:, 1:] - mel[:, :-1]).clamp_min(0.0), (0, 0, 1, 0)).mean(dim=-1)
    return reduce(rise, "b (n four) -> b n", "max", four=4)


def _correlation(one: Tensor, other: Tensor, dim: int) -> Tensor:
    one, other = (x - x.mean(dim=dim, keepdim=True) for x in (one, other))
    norms = one.norm(dim=dim) * other.norm(dim=dim)
    return (one * other).sum(dim=dim) / norms.clamp_min(1e-9)
