"""The three terms that train w2v-BERT, and the alarm for its known failure (section 3.3, 5.2).

"contrastive" tells the true code of a hidden frame from those of other hidden frames (wav2vec 2.0),
"diversity" keeps the codebook in use, "masked" predicts the id of that code (BERT).

>>> figures = {"masked": 5.0, "masked_accuracy": 0.1, "diversity": 0.7, "codebook_usage": 0.6}
>>> collapse_warnings(figures)
[]
>>> collapse_warnings(figures | {"codebook_usage": 0.03})[0][:43]
'only 3.0% of the codes that could occur do:'
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

LOSS_WEIGHTS = {"contrastive": 1.0, "diversity": 0.1, "masked": 1.0}  # section 3.3
LEAST_USED = 0.1  # share of the codebook below which targets tell too little apart


def contrastive_logits(
    context: Float[Tensor, "b n d"],
    codes: Float[Tensor, "b n d"],
    temperature: float,
) -> Float[Tensor, "b n n"]:
    """Cosine of each frame's context with the code of every frame of its clip."""
    context = F.normalize(context.float(), dim=-1)
    codes = F.normalize(codes.float(), dim=-1)
    return context @ codes.mT / temperature


def rivals(
    ids: Int[Tensor, "b n"],
    mask: Bool[Tensor, "b n"],
    distractors: int,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "b n n"]:
    """Which frames j a hidden frame i must not be taken for: at most `distractors` hidden ones.

    A frame of the same code is no rival: it would be a right answer.
    """
    home = torch.device("cpu") if generator is None else generator.device
    allowed = mask[:, None, :] & (ids[:, :, None] != ids[:, None, :])
    if distractors >= ids.shape[1]:
        return allowed
    shape = (*ids.shape, ids.shape[1])
    score = torch.rand(shape, generator=generator, device=home).to(ids.device)
    score = torch.where(allowed, score, -1.0)
    least = score.topk(distractors, dim=-1).values[..., -1:]
    return allowed & (score >= least)


def contrastive_loss(
    logits: Float[Tensor, "b n n"], mask: Bool[Tensor, "b n"], rival: Bool[Tensor, "b n n"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Cross-entropy of the true code among itself and its rivals, and how often it comes first."""
    right = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(~(rival | right), -torch.inf)[mask]
    place = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)[mask]
    accuracy = (logits.argmax(dim=-1) == place).float().mean()
    return F.cross_entropy(logits, place), accuracy


def diversity_loss(probabilities: Float[Tensor, "b n v"]) -> Float[Tensor, ""]:
    """Share of the codebook that goes unused: 0 if all codes are as likely, near 1 if one is."""
    mean = probabilities.mean(dim=(0, 1))
    entropy = -(mean * mean.clamp_min(1e-9).log()).sum()
    return 1.0 - entropy.exp() / mean.numel()


def masked_loss(
    logits: Float[Tensor, "m v"], ids: Int[Tensor, " m"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Cross-entropy of the codes of hidden frames, and the share predicted right."""
    accuracy = (logits.argmax(dim=-1) == ids).float().mean()
    return F.cross_entropy(logits.float(), ids), accuracy


def usage(ids: Int[Tensor, "b n"], size: int) -> Float[Tensor, ""]:
    """Share of the codes that could occur in these frames which do."""
    return ids.new_tensor(ids.unique().numel() / min(size, ids.numel()), dtype=torch.float32)


def collapse_warnings(figures: Mapping[str, float]) -> list[str]:
    """All that the figures of a validation say against the quantiser; none if it is healthy."""
    collapse = collapse_warning(figures)
    sentences = [] if collapse is None else [collapse]
    if figures["codebook_usage"] < LEAST_USED:
        sentences.append(
            f"only {figures['codebook_usage']:.1%} of the codes that could occur do: the targets "
            "of w2v-BERT tell little apart; raise the diversity weight, or set musical = true"
        )
    return sentences


def collapse_warning(terms: Mapping[str, float]) -> str | None:
    """One line if the quantiser has collapsed onto few codes, so that guessing is trivial.

    Reads losses and metrics of one step (or their running means) by name; None if all is well.
    """
    signs = {
        "masked loss": terms["masked"] < 0.05,
        "masked accuracy": terms["masked_accuracy"] > 0.98,
        "diversity loss": terms["diversity"] > 0.99,
    }
    if sum(signs.values()) < 2:
        return None
    return (
        f"the w2v-BERT quantiser has collapsed: masked loss {terms['masked']:.3f}, masked "
        f"accuracy {terms['masked_accuracy']:.1%}, diversity loss {terms['diversity']:.3f}; raise "
        "the diversity weight, lower the learning rate, or set musical = true"
    )
