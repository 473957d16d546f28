"""The chain from a link on: true tokens of a recording up to it, drawn ones after it.

What tells which stage loses what (MusicLM section 3.2, figure 2): tokens that are given stay as
they are, the stages that lack theirs draw them in turn, as the system was released to.

    tokens = true_tokens(music, waves)
    drawn = draw_rest(music, {"mulan": tokens.mulan, "semantic": tokens.semantic}, 10.0, seeds)
    wave = sound_of(music, drawn)

Shapes: b clips, n frames, q levels, t samples.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.pipeline import MusicLM
from musiclm.tokenizers import Tokens

Streams = Mapping[str, Int[Tensor, "..."]]  # tokens under the names of PARTS


def coarse_levels(music: MusicLM) -> int:
    """How many of the codec's levels the coarse stage draws."""
    return music.stages["coarse"].config.stage.part.levels


def device_of(music: MusicLM) -> torch.device:
    """Where its parts lie."""
    return next(music.tokenizers.codec.parameters()).device


@torch.inference_mode()
def true_tokens(music: MusicLM, waves: Float[Tensor, "b 1 t"], batch: int = 8) -> Tokens:
    """What the tokenizers hear in recordings of whole semantic frames."""
    parts = [music.tokenizers.tokenize(wave) for wave in waves.to(device_of(music)).split(batch)]
    return Tokens(
        *(torch.cat([getattr(part, name) for part in parts]) for name in Tokens.__annotations__)
    )


@torch.inference_mode()
def draw_rest(
    music: MusicLM,
    given: Streams,
    seconds: float,
    seeds: Sequence[int],
    *,
    fine: bool = True,
) -> dict[str, Tensor]:
    """The given tokens and those of every stage that is not among them, drawn in turn.

    Each clip has its own seed and each stage its own stream of random numbers, as in
    `MusicLM.generate`: a clip is the same in any batch, and a later stage draws alike whatever
    was given before it. Without `fine` the fine stage is left out.
    """
    streams = dict(given)
    for name in music.stages:
        if name not in streams and (fine or name != "fine"):
            streams[name] = music.draw(name, streams, seconds, seeds)
    return streams


@torch.inference_mode()
def sound_of(music: MusicLM, streams: Streams) -> Float[Tensor, "b 1 t"]:
    """Coarse tokens, and fine ones where there are any, decoded."""
    levels = [streams[name] for name in ("coarse", "fine") if name in streams]
    return music.tokenizers.codec.decode(torch.cat(levels, dim=-1)).float().cpu()
