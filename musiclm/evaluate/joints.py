"""Can the joints of chunks and windows be heard: how far the sound jumps where a stage began anew.

AudioLM's fine stage works in independent chunks of three seconds (section III-C), and windows
slide by half of their length (MusicLM section 6). A stage that paints every chunk in a colour of
its own jumps at each joint. The jump is a number of nepers, which says nothing by itself: music
jumps too, on the beat above all. So it is told as a percentile of the jumps that the originals
make at the same places: 0.5 is as real music does, and 5 % lie beyond the 95th by themselves.

>>> from musiclm.lm.stages import FINE, SEMANTIC
>>> joints(FINE, 10.0), joints(SEMANTIC, 10.0), joints(SEMANTIC, 60.0)
([3.0, 6.0, 9.0], [], [30.0, 45.0])
>>> rank(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[2.0], [9.0]])).tolist()
[0.5, 1.0]

Shapes: b clips, t samples, j joints, m mel bins, n frames.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from musiclm.audio import SAMPLE_RATE
from musiclm.lm.generate import windows
from musiclm.lm.stages import Stage
from musiclm.nn.spectrogram import shared_log_mel

RATE = 100  # frames a second
WINDOW, BINS = 1024, 64
HEARD = 7.0  # nepers below a clip's loudest bin: 60 dB
SIDE = 0.25  # seconds before a joint that are compared with as many after it
FAR = 0.95  # the percentile beyond which a jump is out of the ordinary


def joints(stage: Stage, seconds: float) -> list[float]:
    """Where in a clip a stage begins anew, in seconds; not so near an end that a side is cut."""
    frames, rate = stage.part.frames(seconds), stage.part.alphabet.rate
    if stage.chunked:
        places = list(range(stage.frames, frames, stage.frames))
    else:
        places = [stop for _, stop in windows(stage, frames)][:-1]
    found = [place / rate for place in places]
    return [place for place in found if SIDE <= place <= seconds - SIDE]


@torch.no_grad()
def jumps(wave: Float[Tensor, "b t"], places: Sequence[float]) -> Float[Tensor, "b j"]:
    """Spectral distance across each place: mean difference of log-mel bins, in nepers.

    Between the means of a quarter of a second on either side, heard to 60 dB below the loudest.
    """
    log_mel = shared_log_mel(SAMPLE_RATE, WINDOW, SAMPLE_RATE // RATE, BINS)(wave)
    log_mel = log_mel.maximum(log_mel.amax(dim=(1, 2), keepdim=True) - HEARD)
    side = round(SIDE * RATE)
    found = []
    for place in (round(seconds * RATE) for seconds in places):
        before, after = log_mel[:, place - side : place], log_mel[:, place : place + side]
        found.append((after.mean(dim=1) - before.mean(dim=1)).abs().mean(dim=-1))
    return torch.stack(found, dim=1) if found else wave.new_zeros(len(wave), 0)


def rank(real: Float[Tensor, "c j"], made: Float[Tensor, "b j"]) -> Float[Tensor, " b"]:
    """Percentile of each clip's jumps among all jumps of the originals, 0 to 1; ties count half."""
    ranked = real.flatten().sort().values
    below, upto = (torch.searchsorted(ranked, made.contiguous(), right=r) for r in (False, True))
    return ((below + upto) / (2 * len(ranked))).mean(dim=1)


def beyond(real: Float[Tensor, "c j"], made: Float[Tensor, "b j"]) -> Float[Tensor, " b"]:
    """Share of each clip's jumps that are greater than 95 % of the originals'."""
    return (made > real.flatten().quantile(FAR)).float().mean(dim=1)
