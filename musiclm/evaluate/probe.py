"""A linear probe: what can be read off features with nothing but a weighted sum.

Logistic regression with a ridge penalty, chosen on a fifth of the training examples. Tokens around
a frame are first turned into evidence: how much likelier each answer is, given such a token so many
frames away (`evidence`); with the regression on top that is a weighted sum of one-hot tokens.

>>> rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
>>> answers = (rows[:, 0] > 0).long()
>>> hits = probe(rows[:100], answers[:100], rows[100:], answers[100:])
>>> float(hits.float().mean()) > 0.9
True
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

SMOOTHING = 8.0  # frames of the usual answer that are added to those of each token
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # of the squared weights, beside the mean cross-entropy
ITERATIONS = 60  # of L-BFGS
VALIDATED = 5  # one training example in so many chooses the penalty


def probe(
    train: Float[Tensor, "n d"],
    train_answers: Int[Tensor, " n"],
    test: Float[Tensor, "m d"],
    test_answers: Int[Tensor, " m"],
) -> Bool[Tensor, " m"]:
    """Which test examples a linear classifier of the training examples gets right."""
    mean, std = train.mean(dim=0), train.std(dim=0).clamp_min(1e-6)
    # The scale makes the penalty mean the same for few features and for many.
    scale = std * train.shape[1] ** 0.5
    train, test = (train - mean) / scale, (test - mean) / scale
    classes = int(train_answers.max()) + 1
    penalty = _best_penalty(train, train_answers, classes)
    weights = _fit(train, train_answers, classes, penalty)
    return _scores(test, weights).argmax(dim=1) == test_answers


def evidence(
    ids: Int[Tensor, "b n"], answers: Int[Tensor, "b n"], spans: Sequence[range], ways: int
) -> Float[Tensor, "s v w"]:
    """For each span of offsets, each token and each answer: log-likelihood over that of the answer.

    Frames whose answer is below 0 are left out, and so are offsets beyond the ends of a clip.
    """
    size = int(ids.max()) + 1
    tables = []
    for span in spans:
        counts = torch.zeros(size * ways)
        for offset in span:
            here, there = _pairs(answers, ids, offset)
            known = here >= 0
            counts += (there[known] * ways + here[known]).bincount(minlength=size * ways)
        counts = counts.view(size, ways)
        usual = (counts.sum(dim=0) + 1.0) / (counts.sum() + ways)
        likely = (counts + SMOOTHING * usual) / (counts.sum(dim=1, keepdim=True) + SMOOTHING)
        tables.append((likely / usual).log())
    return torch.stack(tables)


def weigh(
    tables: Float[Tensor, "s v w"],
    ids: Int[Tensor, "b n"],
    spans: Sequence[range],
    where: Int[Tensor, "m 2"],
) -> Float[Tensor, "m f"]:
    """The evidence at these frames (clip, frame): a mean over each span, for each answer.

    Tokens that the tables do not know, and frames beyond the ends, say nothing.
    """
    clip, frame = where.unbind(dim=1)
    ids = torch.where(ids < tables.shape[1], ids, tables.shape[1])
    tables = F.pad(tables, (0, 0, 0, 1))
    parts = []
    for table, span in zip(tables, spans, strict=True):
        places = frame[:, None] + torch.tensor(list(span))
        inside = (places >= 0) & (places < ids.shape[1])
        tokens = ids[clip[:, None], places.clamp(0, ids.shape[1] - 1)]
        parts.append((table[tokens] * inside[..., None]).mean(dim=1))
    return torch.cat(parts, dim=1)


def _pairs(answers: Tensor, ids: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """The answer of each frame, and the token so many frames after it."""
    frames = ids.shape[1]
    if offset >= 0:
        return answers[:, : frames - offset].flatten(), ids[:, offset:].flatten()
    return answers[:, -offset:].flatten(), ids[:, :offset].flatten()


def majority(train_answers: Int[Tensor, " n"], test_answers: Int[Tensor, " m"]) -> float:
    """What always saying the commonest training answer scores: chance."""
    return float((test_answers == train_answers.bincount().argmax()).double().mean())


def _best_penalty(rows: Tensor, answers: Tensor, classes: int) -> float:
    held = torch.arange(len(rows)) % VALIDATED == 0
    if int(held.sum()) == 0 or int((~held).sum()) == 0:
        return PENALTIES[-1]
    losses = []
    for penalty in PENALTIES:
        weights = _fit(rows[~held], answers[~held], classes, penalty)
        losses.append(float(F.cross_entropy(_scores(rows[held], weights), answers[held])))
    return PENALTIES[min(range(len(losses)), key=losses.__getitem__)]


def _fit(rows: Tensor, answers: Tensor, classes: int, penalty: float) -> Tensor:
    weights = torch.zeros(rows.shape[1] + 1, classes, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(_scores(rows, weights), answers)
        loss = loss + penalty * weights[:-1].square().sum() / rows.shape[1]
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)  # type: ignore[arg-type]
    return weights.detach()


def _scores(rows: Tensor, weights: Tensor) -> Tensor:
    return rows @ weights[:-1] + weights[-1]
