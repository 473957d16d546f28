"""Which frames w2v-BERT must guess: random spans, hidden behind noise (w2v-BERT section 3.2).

With the paper's start probability of 0.065 and spans of 10 frames, about half of them are hidden.

>>> mask = span_mask(2, 250, 0.065, 10, torch.Generator().manual_seed(0))
>>> mask.shape, 0.3 < mask.float().mean().item() < 0.7
(torch.Size([2, 250]), True)
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def span_mask(
    batch: int,
    frames: int,
    start_probability: float,
    span_frames: int,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "b n"]:
    """True where a frame is hidden; spans may overlap, and each example hides at least one frame.

    Spans also start before the first frame, so every frame is hidden with the same probability.
    """
    shape = (batch, frames + span_frames - 1)
    score = torch.rand(shape, generator=generator, device=_home(generator))
    # The lowest score is always a start: an example with nothing to guess would teach nothing.
    starts = (score < start_probability) | (score == score.amin(dim=1, keepdim=True))
    return F.max_pool1d(starts.float(), span_frames, stride=1).bool()


def hide(
    x: Float[Tensor, "b n d"],
    mask: Bool[Tensor, "b n"],
    scale: float,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "b n d"]:
    """Replace masked frames by normal noise of deviation `scale`: vectors that say nothing."""
    noise = torch.randn(x.shape, generator=generator, device=_home(generator))
    return torch.where(mask[..., None], scale * noise.to(x), x)


def _home(generator: torch.Generator | None) -> torch.device:
    # A generator draws on its own device only; what it drew is moved to where it is used.
    return torch.device("cpu") if generator is None else generator.device
