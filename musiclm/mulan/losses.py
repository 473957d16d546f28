"""MuLan's contrastive loss and what to hold it against (MuLan, arXiv 2208.12415, section 3.3).

>>> pairs = torch.eye(4)
>>> float(contrastive_loss(pairs, pairs, torch.tensor(0.1).log())) < chance(4)
True
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from musiclm.errors import UserError

COLDEST = 0.01  # not in the paper: the learned temperature stops here, as in CLIP
# Of what is said of a clip beside its caption. Some of it is heard by halves only, and at the cold
# of the contrastive loss a doubt costs more than it is worth. Learned, it stayed where it began.
FACT_TEMPERATURE = 0.07


def contrastive_loss(
    audio: Float[Tensor, "b d"], text: Float[Tensor, "b d"], log_tau: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Contrastive multiview coding: the paper's sum over pairs, here their mean.

        -log( h(a_i, t_i) / sum_{j != i} [h(a_i, t_j) + h(a_j, t_i)] ),  h(a, t) = exp(a.t / tau)

    The negatives of both directions share one sum, and the pair itself is not in it: the loss of a
    good model is negative.
    """
    if audio.shape[0] < 2:
        raise UserError("a contrastive batch needs at least 2 pairs")
    logits = _logits(audio, text, log_tau)
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    others = logits.masked_fill(own, -math.inf)
    return (torch.cat((others, others.T), dim=1).logsumexp(dim=1) - logits.diagonal()).mean()


def contradiction_loss(
    audio: Float[Tensor, "b d"], text: Float[Tensor, "b d"], untrue: Float[Tensor, "b d"]
) -> Float[Tensor, ""]:
    """-log of the chance that a clip is given its own caption and not one that contradicts it.

    Not in the paper. The contradicting caption counts for its own clip only: of another clip in the
    batch it may be true.
    """
    lead = (audio.float() * (untrue.float() - text.float())).sum(dim=1)
    if not len(lead):
        return lead.sum()
    return F.softplus(lead / FACT_TEMPERATURE).mean()


def tag_loss(
    audio: Float[Tensor, "b d"], tags: Float[Tensor, "k d"], fits: Bool[Tensor, "b k"]
) -> Float[Tensor, ""]:
    """-log of the chance that a clip which a tag fits is nearer to it than one that it does not.

    Not in the paper; a smooth form of the area under the ROC curve, mean over the tags. What
    several clips of a batch share is held against none of them. Tags that fit all or none say
    nothing.
    """
    known = fits.any(dim=0) & ~fits.all(dim=0)
    if not known.any():
        return (audio.sum() + tags.sum()) * 0.0
    true = fits[:, known].T.float()
    near = (audio.float() @ tags[known].float().T / FACT_TEMPERATURE).T
    misses = F.softplus(near[:, None, :] - near[:, :, None])  # [k, fitting, not fitting]
    pairs = true[:, :, None] * (1.0 - true)[:, None, :]
    return ((misses * pairs).sum(dim=(1, 2)) / pairs.sum(dim=(1, 2))).mean()


def _logits(
    audio: Float[Tensor, "b d"], text: Float[Tensor, "b d"], log_tau: Float[Tensor, ""]
) -> Float[Tensor, "b b"]:
    """Cosines over the temperature; in bfloat16 they would be known to a tenth of a nat only."""
    with torch.autocast(audio.device.type, enabled=False):
        return audio.float() @ text.float().T / log_tau.float().exp().clamp_min(COLDEST)


def chance(batch: int) -> float:
    """The loss of a model that tells nothing apart: ln(2 (b - 1)). A loss stuck here is a fault."""
    return math.log(2 * (batch - 1))


@torch.no_grad()
def recall(
    audio: Float[Tensor, "b d"], text: Float[Tensor, "b d"], ranks: tuple[int, ...] = (1, 10)
) -> dict[str, float]:
    """Share of pairs whose partner is among the k nearest, both ways; chance is k / b.

    Ties count against us, so that embeddings which are all alike do not score.
    """
    similarity = audio.float() @ text.float().T
    scores = {}
    for name, table in (("text_to_audio", similarity.T), ("audio_to_text", similarity)):
        better = (table >= table.diagonal()[:, None]).sum(dim=1) - 1
        for rank in ranks:
            scores[f"{name}_recall_{rank}"] = (better < rank).float().mean().item()
    return scores
