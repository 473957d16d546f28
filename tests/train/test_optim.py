"""Learning rates, who goes to Muon, and averaged weights."""

import pytest
import torch
from torch import nn

from musiclm.errors import UserError
from musiclm.train.config import TrainConfig
from musiclm.train.optim import Average, Optimizer, hidden_matrices, learning_rate


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 8)
        self.conv = nn.Conv1d(8, 8, 3)
        self.mix = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.frozen = nn.Linear(8, 8).requires_grad_(False)
        self.head = nn.Linear(8, 7)

    def forward(self, ids):
        x = self.embed(ids)
        x = x + self.conv(x.mT).mT.mean(1, keepdim=True)
        return self.head(self.norm(x + self.mix(x)))


@pytest.mark.parametrize(("schedule", "end"), [("cosine", 0.1), ("linear", 0.0), ("constant", 1.0)])
def test_schedule_rises_then_falls_to_its_end(schedule, end):
    config = TrainConfig(steps=100, warmup=10, lr=1.0, schedule=schedule)
    rates = [learning_rate(config, step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert rates[-1] == pytest.approx(end)
    assert all(a >= b for a, b in zip(rates[10:-1], rates[11:], strict=True))


def test_the_clock_decays_the_rate_as_the_steps_do():
    config = TrainConfig(steps=1000, warmup=0, lr=1.0, minutes=10.0, schedule="linear")
    assert learning_rate(config, 1, seconds=300.0) == pytest.approx(0.5)
    assert learning_rate(config, 900, seconds=300.0) == pytest.approx(0.1)


def test_only_hidden_matrices_go_to_muon():
    net = Net()
    assert [id(p) for p in hidden_matrices(net)] == [id(net.mix.weight)]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_trained_weight_moves_once_and_the_loss_falls(name):
    torch.manual_seed(0)
    net = Net()
    optimizer = Optimizer(net, TrainConfig(lr=0.01, optimizer=name))
    given = [p for o in optimizer.optimizers for g in o.param_groups for p in g["params"]]
    assert len(given) == len({id(p) for p in given}) == len(optimizer.parameters)
    ids = torch.randint(7, (16, 5))
    before = {n: p.clone() for n, p in net.named_parameters()}
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(ids).flatten(0, 1), ids.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(0.01)
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    moved = {n for n, p in net.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {n for n in before if not n.startswith("frozen")}


def test_average_is_the_recurrence_and_is_applied_for_a_while():
    net = Net()
    average = Average(net, decay=0.5)
    start = net.mix.weight.detach().clone()
    with torch.no_grad():
        net.mix.weight.add_(1.0)
    average.update(step=10**6)
    with average.applied():
        assert torch.allclose(net.mix.weight, start + 0.5)
    assert torch.allclose(net.mix.weight, start + 1.0)


def test_without_decay_the_average_is_the_weights():
    net = Net()
    average = Average(net, decay=0.0)
    with torch.no_grad():
        net.mix.weight.add_(1.0)
    average.update(step=1)
    assert torch.equal(average.weights["mix.weight"], net.mix.weight)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "sgd"}, "adamw, muon"),
        ({"schedule": "step"}, "cosine"),
        ({"precision": "fp8"}, "bf16"),
        ({"steps": 0, "warmup": 0}, "positive"),
        ({"steps": 5, "warmup": 5}, "warmup"),
        ({"ema": 1.0}, "ema"),
        ({"log_every": 0}, "log_every"),
        ({"validate_every": -1}, "validate_every"),
    ],
)
def test_impossible_settings_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        TrainConfig(**changes)
