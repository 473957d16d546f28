"""Claim: a sentence finds its clip among many (MuLan, arXiv 2208.12415, section 4.4).

>>> ranks(torch.eye(3), torch.eye(3)).tolist()
[0, 0, 0]
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from musiclm.evaluate.intervals import share
from musiclm.evaluate.report import row

RANKS = (1, 10)


def ranks(queries: Float[Tensor, "n d"], answers: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
    """How many answers lie nearer to each query than its own; an equal one counts half against it.

    >>> ranks(torch.ones(3, 2), torch.ones(3, 2)).tolist()
    [1, 1, 1]
    """
    similar = F.normalize(queries, dim=-1) @ F.normalize(answers, dim=-1).T
    own = similar.diagonal()[:, None]
    nearer = (similar > own + 1e-6).sum(dim=1)
    equal = ((similar - own).abs() <= 1e-6).sum(dim=1) - 1
    return nearer + torch.div(equal + 1, 2, rounding_mode="floor")


def recall_row(
    what: str, queries: Float[Tensor, "n d"], answers: Float[Tensor, "n d"]
) -> dict[str, Any]:
    """Recall at 1 and 10, and the median rank of what was asked for."""
    found = ranks(queries, answers)
    cells = {f"recall_at_{k}": share((found < k).numpy()) for k in RANKS}
    return row(what, **cells, median_rank=int(found.median()) + 1)


def chance_row(count: int) -> dict[str, Any]:
    """What guessing scores among so many."""
    cells = {f"recall_at_{k}": min(1.0, k / count) for k in RANKS}
    return row("chance", **cells, median_rank=(count + 1) // 2)
