"""Long recordings are heard in pieces, so that memory is bounded (not in the paper).

>>> wave = torch.arange(10.0).view(1, 1, 10)
>>> in_pieces(lambda x: x.mT, wave, frame=1, step=4, margin=2).flatten().equal(wave.flatten())
True
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def whole_frames(wave: Float[Tensor, "b 1 t"], frame: int) -> Float[Tensor, "b 1 t2"]:
    """Silence after the end, up to a whole number of frames."""
    return F.pad(wave, (0, -wave.shape[-1] % frame))


def in_pieces(
    hear: Callable[[Tensor], Tensor],
    wave: Float[Tensor, "b 1 t"],
    frame: int,
    *,
    step: int,
    margin: int,
) -> Float[Tensor, "b n d"]:
    """`hear` ([b 1 t] -> [b t/frame d]) over a wave: ceil(t / frame) frames, `step` at once.

    `margin` frames on both sides of a piece are heard as context and dropped.
    """
    wave = whole_frames(wave, frame)
    num_frames = wave.shape[-1] // frame
    parts = []
    for start in range(0, num_frames, step):
        first, stop = max(0, start - margin), min(num_frames, start + step + margin)
        heard = hear(wave[..., first * frame : stop * frame])
        parts.append(heard[:, start - first :][:, :step])
    return torch.cat(parts, dim=1)
