"""A linear probe: what can be read off features with nothing but a weighted sum.

Logistic regression with a ridge penalty, chosen on a fifth of the training examples.

>>> rows = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
>>> answers = (rows[:, 0] > 0).long()
>>> hits = probe(rows[:100], answers[:100], rows[100:], answers[100:])
>>> float(hits.float().mean()) > 0.9
True
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

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
